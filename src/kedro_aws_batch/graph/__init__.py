"""From a Kedro project to the graph document: what a run is made of, and every reason why it would fail."""

#: The Kedro environment that commands use if they aren't told one.
ENVIRONMENT = "aws_batch"
