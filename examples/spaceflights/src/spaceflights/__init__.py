"""Predict what a shuttle flight costs: the example project of kedro-aws-batch."""
