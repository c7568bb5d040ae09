"""The code of a job's container, behind `python -m kedro_aws_batch.job`."""
