"""`kedro aws-batch ui`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.errors import ProjectError

from .report import REMARK, console_links, read_project_prices
from .service import Place, place_options

if TYPE_CHECKING:
    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.ui.app import Source


@click.command("ui")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port to listen on; else one that is free.")
@click.option("--browser/--no-browser", default=True, help="Whether to open it.")
@place_options
def command(place: Place, port: int, browser: bool) -> None:
    """Show runs on a page of this machine: their list, the live report of one, buttons to cancel and resume it.

    Only this machine can reach it, and only with the key in the address that is printed. Ctrl-C ends it; runs go on.

    \b
    Examples:
      kedro aws-batch ui
      kedro aws-batch ui --local --port=8000 --no-browser
    """
    try:
        from werkzeug.serving import make_server  # noqa: PLC0415

        from kedro_aws_batch.ui.app import create_app  # noqa: PLC0415
    except ImportError as error:
        raise ProjectError(f"The page needs more packages ({error}): pip install 'kedro-aws-batch[report]'.") from error
    key = secrets.token_urlsafe()
    server = make_server("127.0.0.1", port, create_app(_source(place), key), threaded=True, request_handler=_quiet())
    address = f"http://127.0.0.1:{server.server_port}/?key={key}"
    click.echo(f"Runs: {address}\nCtrl-C ends this page; runs go on.")
    if browser:
        click.launch(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("")
    finally:
        server.server_close()


def _source(place: Place) -> Source:
    from kedro_aws_batch.kept import state as kept  # noqa: PLC0415
    from kedro_aws_batch.launch.runs import local_runs  # noqa: PLC0415
    from kedro_aws_batch.report.content import About, content  # noqa: PLC0415
    from kedro_aws_batch.report.measured import read_files  # noqa: PLC0415
    from kedro_aws_batch.report.page import render  # noqa: PLC0415
    from kedro_aws_batch.ui.app import Source  # noqa: PLC0415

    prices = read_project_prices(place)
    if place.local:
        project = place.project  # found once: finding it turns this process's stdout aside

        def local_report(state: RunState) -> str:
            folder = kept.folder(project) / "logs" / state.run_id  # written when the run has ended
            measured = read_files(folder, state.groups) if folder.is_dir() else None
            return render(content(state, prices, lambda _: None, About(REMARK, live=True, measured=measured)))

        return Source(lambda: local_runs(project), local_report, place.commands)
    service, log_link = place.runs(), console_links(place)

    def report(state: RunState) -> str:
        return render(content(state, prices, log_link, About(live=True)))

    return Source(lambda: service, report, place.commands)


def _quiet() -> type:
    """Return a request handler that does not print a line for each question of the page."""
    from werkzeug.serving import WSGIRequestHandler  # noqa: PLC0415

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Print nothing."""

    return Quiet
