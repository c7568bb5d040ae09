"""`kedro aws-batch …`: the syntax of each command in `syntax/`, and beside it one file for what it does.

Every `kedro` imports this package to learn its commands: only click is imported here.
"""

from __future__ import annotations

import click

from .late import LateGroup

COMMANDS = {
    "init": "Add to a project what it needs to run on AWS Batch.",
    "check": "Find every reason why a run would fail on AWS Batch.",
    "compile": "Write the graph document that the service runs.",
    "package": "Package the functions with the project's graph, and their templates, for deployment.",
    "deploy": "Check and package the project, and make or change its stack on AWS.",
    "remove": "Remove the project's stack from AWS, once no run is open.",
    "run": "Run pipelines on AWS Batch, or on this machine with --local.",
    "status": "Show a run: its jobs, what they do, and why they failed.",
    "list": "List runs, newest first.",
    "logs": "Show the output of the jobs of a run, or of one node.",
    "replay": "Run one node of a run here, on the same data, to see why it failed.",
    "report": "Write a run's report: its timeline, jobs, failures and cost in one HTML file.",
    "viz": "Show a run in Kedro-Viz: each node's status, duration and error.",
    "ui": "Show runs on a page of this machine, live, with buttons to cancel and resume.",
    "cancel": "Cancel a run.",
    "resume": "Run the rest of a run that did not finish.",
    "why": "Show what a node is made of, and what of it differs from a run.",
    "redrive": "Move the dead letters of the service back to its queue.",
}


class AwsBatch(LateGroup):
    """The group of all commands."""

    helps = COMMANDS


@click.group(name="aws-batch", cls=AwsBatch, context_settings={"help_option_names": ["-h", "--help"]})
def aws_batch() -> None:
    """Run Kedro pipelines on AWS Batch, one job for each node or group of nodes.

    \b
    Examples:
      kedro aws-batch check
      kedro aws-batch run --local
      kedro aws-batch run --pipelines=data_science --params=rate=0.1
      kedro aws-batch status --watch
    """


@click.group(name="kedro-aws-batch")
def commands() -> None:
    """The command group that Kedro merges into its own."""


commands.add_command(aws_batch)
