"""Showing runs: their progress, their end, their jobs' logs, and lists of them."""
