"""`kedro aws-batch redrive`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, where_options


@click.command("redrive", cls=LateCommand)
@where_options
def command(where: Where) -> None:
    """Move the dead letters of the deployed service back to the queue of its events.

    Messages that failed five times stay there for two weeks, and an alarm reports them. First fix what made them fail.
    Redriving is always safe, since each message may be handled twice, late and in any order.

    \b
    Examples:
      kedro aws-batch redrive
      kedro aws-batch redrive --env=aws_batch_prod
    """
    from kedro_aws_batch.cli.redrive import redrive

    if where.local:
        raise click.UsageError("Only a deployed service has dead letters: local runs leave none.")
    redrive(where)
