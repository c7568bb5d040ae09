"""Talks to AWS, and decides nothing: DynamoDB, Batch, EventBridge, SQS.

`ports` has the interfaces that the handlers need. Each method of the run table is one AWS call, so that a test
can stop the world between any two.
"""
