"""Moves dead letters back to the queue that they came from: `make redrive DEAD_LETTERS=<queue> EVENTS=<queue>`.

Like `kedro aws-batch redrive`, for somebody who knows the queues' names and has no project at hand.
"""

import os
import sys

import boto3

from kedro_aws_batch.deploy.letters import move


def main(dead_letters: str, events: str) -> None:
    """Move all messages from one queue to the other, both by name."""
    sqs = boto3.client("sqs", region_name=os.environ.get("AWS_REGION"))  # the CLI reads it; boto3 doesn't
    source, target = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in (dead_letters, events))
    print(f"{move(source, target, sqs)} messages moved from {dead_letters} to {events}")


if __name__ == "__main__":
    main(*sys.argv[1:])
