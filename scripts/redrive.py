"""Moves dead letters back to the queue that they came from: `make redrive DEAD_LETTERS=<queue> EVENTS=<queue>`.

A message is deleted from the one only after the other has it. One that arrives twice, or late, changes nothing.
"""

import os
import sys

import boto3


def main(dead_letters: str, events: str) -> None:
    """Move all messages from one queue to the other, both by name."""
    sqs = boto3.client("sqs", region_name=os.environ.get("AWS_REGION"))  # as the CLI goes by; boto3 does not
    source = sqs.get_queue_url(QueueName=dead_letters)["QueueUrl"]
    target = sqs.get_queue_url(QueueName=events)["QueueUrl"]
    moved = 0
    while messages := sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    print(f"{moved} messages moved from {dead_letters} to {events}")


if __name__ == "__main__":
    main(*sys.argv[1:])
