"""Does `kedro aws-batch ui`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.kept import state as kept
from kedro_aws_batch.launch.runs import local_runs
from kedro_aws_batch.report.content import About, content
from kedro_aws_batch.report.measured import read_files
from kedro_aws_batch.report.page import render

from .costs import read_project_prices
from .report import REMARK, console_links
from .service import runs_of, this_project

try:
    from werkzeug.serving import WSGIRequestHandler, make_server

    from kedro_aws_batch.ui.app import Source, create_app
except ImportError as error:
    raise ProjectError(f"The page needs more packages ({error}): pip install 'kedro-aws-batch[report]'.") from error

if TYPE_CHECKING:
    from kedro_aws_batch.client import RunState

    from .options import Where


class Quiet(WSGIRequestHandler):
    """Does not print a line for each question of the page."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


def serve(where: Where, port: int, browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    key = secrets.token_urlsafe()
    server = make_server("127.0.0.1", port, create_app(_source(where), key), threaded=True, request_handler=Quiet)
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


def _source(where: Where) -> Source:
    prices = read_project_prices(where)
    if where.local:
        project = this_project()  # found once: finding it turns this process's stdout aside

        def local_report(state: RunState) -> str:
            folder = kept.folder(project) / "logs" / state.run_id  # written when the run has ended
            measured = read_files(folder, state.groups) if folder.is_dir() else None
            return render(content(state, prices, lambda _: None, About(REMARK, live=True, measured=measured)))

        return Source(lambda: local_runs(project), local_report, where.commands)
    service, log_link = runs_of(where), console_links()

    def report(state: RunState) -> str:
        return render(content(state, prices, log_link, About(live=True)))

    return Source(lambda: service, report, where.commands)
