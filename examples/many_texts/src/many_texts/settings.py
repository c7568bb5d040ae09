"""Settings of the project: Kedro's own."""
