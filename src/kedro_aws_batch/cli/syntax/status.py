"""`kedro aws-batch status`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, json_option, run_argument, where_options


@click.command("status", cls=LateCommand)
@run_argument()
@click.option("-w", "--watch", is_flag=True, help="Show the run until it has ended; then exit as `run` does.")
@click.option("--all", "everything", is_flag=True, help="Show a line for each job, however many there are.")
@json_option()
@where_options
def command(where: Where, run: str | None, watch: bool, everything: bool, as_json: bool) -> None:
    """Show a run: its jobs, what they are doing, and why they failed.

    RUN is a run's id or a unique beginning of it. Default: the latest run. On a terminal, ended jobs fold into one line
    when there are too many to show; in a pipe each job has its line.

    \b
    Examples:
      kedro aws-batch status
      kedro aws-batch status 2026-11-22T13 --watch
      python -m kedro_aws_batch status --json | jq .counts
    """
    from kedro_aws_batch.cli.status import print_status, watch_status

    if watch and not as_json:
        raise SystemExit(watch_status(where, run, everything))
    print_status(where, run, everything, as_json)
