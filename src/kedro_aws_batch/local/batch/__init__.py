"""AWS Batch with jobs as processes of this machine.

Compute environments, queues and definitions are moto's; jobs are ours.
"""
