"""`kedro aws-batch report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from kedro_aws_batch.errors import KedroAwsBatchError, ProjectError
from kedro_aws_batch.quiet import stdout_kept_clean

from .service import Place, place_options, run_argument

if TYPE_CHECKING:
    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.prices import Prices
    from kedro_aws_batch.report.content import LogLink
    from kedro_aws_batch.report.measured import Measured

#: Said in reports of local runs.
REMARK = "A local run. The costs are what the same seconds would cost on AWS."


@click.command("report")
@run_argument()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option(
    "--prices",
    "price_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file of prices, instead of aws_batch.prices in the parameters.",
)
@click.option(
    "--usage/--no-usage",
    default=True,
    show_default=True,
    help="Whether to read at the end of each job's log what it used: a call of GetLogEvents for each.",
)
@place_options
def command(place: Place, run: str | None, output: Path | None, price_file: Path | None, usage: bool) -> None:
    """Write a run's report: one HTML file with its timeline, its jobs, why they failed and what they cost.

    It opens without network, for a run that goes on too. RUN is a run's id, or as much of its beginning as only one
    has; left out, the latest run.

    \b
    Examples:
      kedro aws-batch report
      kedro aws-batch report 2026-11-22T13 --output=report.html
      kedro aws-batch report --local
    """
    from kedro_aws_batch.files import write_atomically  # noqa: PLC0415
    from kedro_aws_batch.launch.runs import find_run  # noqa: PLC0415
    from kedro_aws_batch.report.content import About, content  # noqa: PLC0415
    from kedro_aws_batch.report.page import render  # noqa: PLC0415

    prices = read_project_prices(place, price_file)
    runs = place.runs()
    state = runs.describe_run(find_run(runs, run))
    file = output or Path(f"kedro-run-{state.run_id}.html")
    links = _file_links(place, state.run_id, file) if place.local else console_links(place)
    measured = read_usage(place, state) if usage else None
    page = render(content(state, prices, links, About(REMARK if place.local else "", measured=measured)))
    write_atomically(file, page.encode())
    click.echo(f"Report of run {state.run_id} ({state.status}): {file}")


def read_usage(place: Place, state: RunState) -> Measured:
    """Return what a run's jobs have used, from their logs; of a local run that has ended, from the files it left."""
    from kedro_aws_batch.report.measured import read_files, read_streams  # noqa: PLC0415

    logs = place.client("logs")
    if logs is not None:
        return read_streams(logs, state.groups)
    from kedro_aws_batch.kept import state as kept  # noqa: PLC0415

    return read_files(kept.folder(place.project) / "logs" / state.run_id, state.groups)


def read_project_prices(place: Place, file: Path | None = None) -> Prices:
    """Return the prices of a file, or of the project's parameters, or outside of a project the usual ones."""
    from kedro_aws_batch.prices import Prices, prices_of, read_prices  # noqa: PLC0415

    if file is not None:
        return read_prices(_read_file(file))
    try:
        _ = place.project
    except ProjectError:
        return Prices()
    from kedro_aws_batch.graph.config import read_configuration  # noqa: PLC0415
    from kedro_aws_batch.graph.problems import require_none  # noqa: PLC0415
    from kedro_aws_batch.graph.project import Opening, read_parameters  # noqa: PLC0415

    with stdout_kept_clean():
        parameters = read_parameters(Opening(place.environment, conf_source=place.conf_source))
    configuration, problems = read_configuration(parameters.get("aws_batch"), place.environment)
    require_none([problem for problem in problems if problem.where.endswith("aws_batch.prices")])
    return prices_of(configuration)


def prices_or_none(place: Place) -> Prices | None:
    """Return the project's prices; where those are wrong, say so: a run is looked at all the same."""
    try:
        return read_project_prices(place)
    except KedroAwsBatchError as error:
        click.echo(f"Costs are left out: {error}", err=True)
        return None


def _read_file(file: Path) -> Any:
    import yaml  # noqa: PLC0415

    from kedro_aws_batch.prices import wrong_prices  # noqa: PLC0415

    try:
        value = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise KedroAwsBatchError(f"'{file}' is no YAML: {error}") from error
    if wrong := wrong_prices(value):
        raise KedroAwsBatchError(f"'{file}' {wrong}.")
    return value


def console_links(place: Place) -> LogLink:
    """Return what leads to a job's log in CloudWatch's console."""
    region = place.client("logs").meta.region_name  # type: ignore[union-attr]  # there is one for runs on AWS
    return lambda group: _in_console(region, group)


def _file_links(place: Place, run_id: str, report: Path) -> LogLink:
    """Return what leads to a local job's log, as seen from the report."""
    from kedro_aws_batch.kept import state as kept  # noqa: PLC0415
    from kedro_aws_batch.kept.logs import log_name  # noqa: PLC0415

    folder = kept.folder(place.project) / "logs" / run_id

    def in_file(group: GroupState) -> str | None:
        log = folder / log_name(group)
        return quote(os.path.relpath(log, report.resolve().parent)) if log.is_file() else None

    return in_file


def _in_console(region: str, group: GroupState) -> str | None:
    """Return where CloudWatch's console shows a stream. It takes names quoted twice, with `$` for the outer `%`."""
    from kedro_aws_batch.show.outcome import LOG_GROUP  # noqa: PLC0415

    if not group.log_stream:
        return None
    names = [
        quote(quote(name, safe=""), safe="").replace("%", "$")
        for name in (group.log_group or LOG_GROUP, group.log_stream)
    ]
    return f"https://console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{names[0]}/log-events/{names[1]}"
