"""`kedro aws-batch viz`."""

from __future__ import annotations

from pathlib import Path

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, run_argument, where_options


@click.command("viz", cls=LateCommand)
@run_argument()
@click.option("--open", "open_", is_flag=True, help="Open Kedro-Viz in the browser afterwards.")
@click.option(
    "--static", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Build a page to share, in DIR."
)
@where_options
def command(where: Where, run: str | None, open_: bool, static: Path | None) -> None:
    """Show a run in Kedro-Viz: each node's status, duration and error in the flowchart.

    Writes .viz/kedro_pipeline_events.json, which Kedro-Viz reads. Call it again to see the run's progress. RUN is a
    run's id or a unique beginning of it. Default: the latest run.

    \b
    Examples:
      kedro aws-batch viz --open
      kedro aws-batch viz 2026-11-22T13 --static=public
    """
    from kedro_aws_batch.cli.viz import viz

    viz(where, run, open_, static)
