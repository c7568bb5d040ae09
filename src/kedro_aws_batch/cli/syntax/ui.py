"""`kedro aws-batch ui`."""

from __future__ import annotations

import click

from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, utc_option, where_options


@click.command("ui", cls=LateCommand)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port to listen on; else any free one.")
@click.option("--browser/--no-browser", default=True, help="Whether to open the page.")
@utc_option()
@where_options
def command(where: Where, port: int, browser: bool) -> None:
    """Show runs on a page of this machine: their list, a live report for each, buttons to cancel and resume it.

    Only this machine can reach it, and only with the key in the printed address. Ctrl-C ends the page; runs go on.

    \b
    Examples:
      kedro aws-batch ui
      kedro aws-batch ui --local --port=8000 --no-browser
    """
    from kedro_aws_batch.cli.ui import serve

    serve(where, port, browser)
