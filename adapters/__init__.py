"""Talks to AWS, and decides nothing: DynamoDB, Batch, EventBridge, SQS.

`ports` says what the handlers ask of the outside world. Each method of the run table is one AWS call, so that a test
can stop the world between any two.
"""
