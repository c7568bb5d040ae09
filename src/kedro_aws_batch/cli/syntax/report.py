"""`kedro aws-batch report`."""

from __future__ import annotations

from pathlib import Path

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, run_argument, utc_option, where_options


@click.command("report", cls=LateCommand)
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
    help="Whether to read what each job used from the end of its log, with a call of GetLogEvents for each.",
)
@utc_option()
@where_options
def command(where: Where, run: str | None, output: Path | None, price_file: Path | None, usage: bool) -> None:
    """Write a run's report: one HTML file with its timeline, its jobs, why they failed and what they cost.

    It opens without network, and may show a run in progress. RUN is a run's id or a unique beginning of it. Default:
    the latest run.

    \b
    Examples:
      kedro aws-batch report
      kedro aws-batch report 2026-11-22T13 --output=report.html
      kedro aws-batch report --local
    """
    from kedro_aws_batch.cli.report import write_report

    write_report(where, run, output, price_file, usage)
