"""The report of a run: one self-contained HTML file, made only of the answer of `describe_run` and the ends of logs."""
