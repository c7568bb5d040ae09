"""The report of a run: one HTML file that needs nothing else, made of what `describe_run` answers and nothing more."""
