"""Launching a run and following it: inputs, state of local runs, progress, what failed."""
