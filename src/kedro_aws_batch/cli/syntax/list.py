"""`kedro aws-batch list`."""

from __future__ import annotations

import click

from kedro_aws_batch._service.dag.records import LISTED, MOST_LISTED
from kedro_aws_batch._service.dag.status import RunStatus
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, json_option, where_options


@click.command("list", cls=LateCommand)
@click.option(
    "--status",
    type=click.Choice([status.value for status in RunStatus], case_sensitive=False),
    help="Only runs of this status.",
)
@click.option("--limit", type=click.IntRange(1, MOST_LISTED), default=LISTED, show_default=True, help="How many.")
@click.option("-w", "--watch", is_flag=True, help="Show runs until Ctrl-C; in a pipe, a line for each change.")
@click.option("--costs", is_flag=True, help="Also show what ended runs have cost.")
@json_option()
@where_options
def command(where: Where, status: str | None, limit: int, watch: bool, costs: bool, as_json: bool) -> None:
    """List runs, newest first.

    For running runs, the list shows how many jobs are done, the time left (~ about, > at least, ? not known) and the
    cost so far. That takes a request to the service for each, one a second. Without --watch or --costs it asks about
    the newest three only; --watch updates all of them in turn.

    \b
    Examples:
      kedro aws-batch list
      kedro aws-batch list --watch
      kedro aws-batch list --status=failed --limit=5
      kedro aws-batch list --costs
      python -m kedro_aws_batch list --local --json
    """
    from kedro_aws_batch.cli.list import print_list, watch_list

    if watch and as_json:
        raise click.UsageError("--watch is for people and --json for programs: give one of them.")
    wanted = status.upper() if status else None
    if watch:
        watch_list(where, wanted, limit, costs)
    else:
        print_list(where, wanted, limit, costs, as_json)
