"""From a Kedro project to the graph document: the parts of a run, and every reason why it would fail."""

#: The Kedro environment that commands use by default.
ENVIRONMENT = "aws_batch"
