"""The saved state of local runs: the data for the next one, the runs themselves and their jobs' logs."""
