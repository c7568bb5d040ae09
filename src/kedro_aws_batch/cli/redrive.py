"""Does `kedro aws-batch redrive`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kedro_aws_batch.aws import client
from kedro_aws_batch.deploy.letters import move, queues
from kedro_aws_batch.wording import counted

from .service import prefix_of

if TYPE_CHECKING:
    from .options import Where


def redrive(where: Where) -> None:
    """Move the dead letters of the deployed service back, and print their number."""
    moved = move(*queues(prefix_of(where), client("cloudformation")), client("sqs"))
    click.echo(f"{counted(moved, 'message')} moved back to the queue of events.")
