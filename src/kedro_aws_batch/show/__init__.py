"""Showing runs: one as it goes, how it ended, what its jobs print, and many in a list."""
