"""`kedro aws-batch redrive`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, where_options


@click.command("redrive", cls=LateCommand)
@where_options
def command(where: Where) -> None:
    """Move the dead letters of the deployed service back to the queue of its events.

    What could not be handled five times lies there for two weeks, and an alarm tells of it. Each message may be handled
    twice, late and in any order, so this is always safe. Mend first what kept them from being handled.

    \b
    Examples:
      kedro aws-batch redrive
      kedro aws-batch redrive --env=aws_batch_prod
    """
    from kedro_aws_batch.cli.redrive import redrive

    if where.local:
        raise click.UsageError("Dead letters are those of a deployed service: local runs leave none.")
    redrive(where)
