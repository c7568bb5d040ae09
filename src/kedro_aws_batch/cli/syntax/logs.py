"""`kedro aws-batch logs`."""

from __future__ import annotations

import re
import time

import click

from kedro_aws_batch._service.dag.jobs import may_begin_run_id
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, json_option, run_and_node_arguments, where_options

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _since(ctx: click.Context, param: click.Parameter, value: str | None) -> int:
    """Return the moment `90s`, `10m`, `2h` or `1d` ago, in milliseconds since the epoch; 0 for all time."""
    if value is None:
        return 0
    match = re.fullmatch(r"(\d+)([smhd])", value)
    if match is None:
        raise click.BadParameter(f"'{value}' is not like 90s, 10m, 2h or 1d.", ctx, param)
    seconds = int(match[1]) * UNITS[match[2]]
    return int((time.time() - seconds) * 1000) if seconds else 0


@click.command("logs", cls=LateCommand)
@run_and_node_arguments
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@click.option("--slice", "part", type=click.IntRange(1), help="Only this slice of a split node, from 1.")
@click.option("--since", callback=_since, metavar="TIME", help="Only lines newer than, e.g., 90s, 10m, 2h or 1d.")
@json_option()
@where_options
def command(
    where: Where, run: str | None, node: str | None, part: int | None, follow: bool, since: int, as_json: bool
) -> None:
    """Show the output of the jobs of a run, or of one node: all attempts, in order, each line with its node.

    RUN is a run's id or a unique beginning of it. Default: the latest run. NODE is a node's name.

    \b
    Examples:
      kedro aws-batch logs
      kedro aws-batch logs train_model_node --follow
      kedro aws-batch logs 2026-11-22T13.11 train_model_node --since=10m
      kedro aws-batch logs clean --slice=7
    """
    from kedro_aws_batch.cli.logs import LogOptions, print_logs

    if run is not None and node is None and not may_begin_run_id(run):
        run, node = None, run
    print_logs(where, run, LogOptions(node=node, slice=part, start=since, follow=follow, as_json=as_json))
