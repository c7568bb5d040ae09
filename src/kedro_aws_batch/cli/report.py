"""Does `kedro aws-batch report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from kedro_aws_batch.aws import client
from kedro_aws_batch.files import write_atomically
from kedro_aws_batch.kept.logs import log_name
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.launch.runs import find_run
from kedro_aws_batch.report.content import About, content
from kedro_aws_batch.report.measured import read_files, read_streams
from kedro_aws_batch.report.page import render
from kedro_aws_batch.show.causes import in_console

from .costs import read_project_prices
from .options import require_folder
from .service import client_of, runs_of, this_project

if TYPE_CHECKING:
    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.report.content import LogLink
    from kedro_aws_batch.report.measured import Measured

    from .options import Where

#: A note in reports of local runs.
REMARK = "A local run. The costs are what the same seconds would cost on AWS."


def write_report(where: Where, run: str | None, output: Path | None, price_file: Path | None, usage: bool) -> None:
    """Write the report of a run."""
    require_folder(output, "report")
    prices = read_project_prices(where, price_file)
    runs = runs_of(where)
    state = runs.describe_run(find_run(runs, run))
    file = output or Path(f"kedro-run-{state.run_id}.html")
    links = _file_links(state.run_id, file) if where.local else console_links()
    measured = read_usage(where, state) if usage else None
    page = render(content(state, prices, links, About(REMARK if where.local else "", measured=measured)))
    write_atomically(file, page.encode())
    click.echo(f"Report of run {state.run_id} ({state.status}): {file}")


def read_usage(where: Where, state: RunState) -> Measured:
    """Return what a run's jobs have used, from their logs; for an ended local run, from the files it left."""
    logs = client_of(where, state.run_id, "logs")
    if logs is not None:
        return read_streams(logs, state.groups)
    return read_files(folder(this_project()) / "logs" / state.run_id, state.groups)


def console_links() -> LogLink:
    """Return links to jobs' logs in CloudWatch's console."""
    region = client("logs").meta.region_name
    return lambda group: in_console(region, group)


def _file_links(run_id: str, report: Path) -> LogLink:
    """Return links to a local run's logs, relative to the report."""
    place = folder(this_project()) / "logs" / run_id

    def in_file(group: GroupState) -> str | None:
        log = place / log_name(group)
        return quote(os.path.relpath(log, report.resolve().parent)) if log.is_file() else None

    return in_file
