"""What local runs leave: the state for the next one, the runs themselves and their jobs' logs."""
