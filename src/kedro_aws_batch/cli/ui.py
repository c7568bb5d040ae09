"""Does `kedro aws-batch ui`."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, nullcontext
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.files import PRIVATE, write_atomically
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.launch.runs import LocalRuns
from kedro_aws_batch.report.content import About, content
from kedro_aws_batch.report.measured import read_files
from kedro_aws_batch.report.page import render

from .costs import read_project_prices
from .report import REMARK, console_links
from .service import runs_of, this_project

try:
    from werkzeug.serving import WSGIRequestHandler, make_server

    from kedro_aws_batch.ui.app import Entrance, Source, create_app
except ImportError as error:
    raise ProjectError(f"The page needs more packages ({error}): pip install 'kedro-aws-batch[report]'.") from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro_aws_batch.client import RunState

    from .options import Where


class Quiet(WSGIRequestHandler):
    """Does not print a line for each question of the page."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


def serve(where: Where, port: int, browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    entrance, source = Entrance(), _source(where)
    server = make_server("127.0.0.1", port, create_app(source, entrance), threaded=True, request_handler=Quiet)
    origin = f"http://127.0.0.1:{server.server_port}"
    click.echo(f"Runs: {entrance.address(origin)}\nCtrl-C ends this page; runs go on.")
    try:
        with opened(entrance.address_for_once(origin), _folder()) if browser else nullcontext():
            server.serve_forever()
    except KeyboardInterrupt:
        click.echo("")
    finally:
        server.server_close()


@contextmanager
def opened(address: str, place: Path | None) -> Iterator[None]:
    """Open an address in the user's browser, whose command line says no more than a file that leads there.

    The file lies in this folder, or in the system's for temporary files, for as long as this lasts.
    """
    with tempfile.TemporaryDirectory(prefix="ui-", dir=place) as directory:
        file = Path(directory) / "runs.html"
        link = escape(address)
        write_atomically(file, f'<meta http-equiv="refresh" content="0; url={link}">'.encode(), PRIVATE)
        click.launch(str(file))
        yield


def _folder() -> Path | None:
    """Return where a browser may read files: those that a package manager fences in have no access to /tmp."""
    try:
        place = folder(this_project())
    except ProjectError:
        return None
    place.mkdir(parents=True, exist_ok=True)
    return place


def _source(where: Where) -> Source:
    prices = read_project_prices(where)
    if where.local:
        project = this_project()  # found once: finding it turns this process's stdout aside

        def local_report(state: RunState) -> str:
            place = folder(project) / "logs" / state.run_id
            measured = read_files(place, state.groups) if place.is_dir() else None
            return render(content(state, prices, lambda _: None, About(REMARK, live=True, measured=measured)))

        return Source(lambda: LocalRuns(project), local_report, where.commands)
    service, log_link = runs_of(where), console_links()

    def report(state: RunState) -> str:
        return render(content(state, prices, log_link, About(live=True)))

    return Source(lambda: service, report, where.commands)
