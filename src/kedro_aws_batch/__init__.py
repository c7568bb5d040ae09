"""Runs Kedro pipelines on AWS Batch: the Kedro plugin."""

__version__ = "0.1.0"
