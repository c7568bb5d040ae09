"""`kedro aws-batch cancel`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, json_option, run_argument, where_options


@click.command("cancel", cls=LateCommand)
@run_argument()
@click.option("--reason", metavar="TEXT", help="For whoever looks at the run later.")
@json_option()
@where_options
def command(where: Where, run: str | None, reason: str | None, as_json: bool) -> None:
    """Cancel a run: nothing more is submitted, and its jobs are terminated.

    RUN is a run's id or a unique beginning of it. Default: the latest run that is RUNNING. A run that has ended
    keeps its status.

    \b
    Examples:
      kedro aws-batch cancel
      kedro aws-batch cancel 2026-11-22T13.11 --reason="wrong data"
    """
    from kedro_aws_batch.cli.cancel import cancel

    cancel(where, run, reason, as_json)
