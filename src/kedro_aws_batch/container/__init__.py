"""What runs in a job's container, behind `python -m kedro_aws_batch.job`."""
