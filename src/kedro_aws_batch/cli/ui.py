"""Does `kedro aws-batch ui`."""

from __future__ import annotations

import errno
import socket
import tempfile
from contextlib import contextmanager, nullcontext
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.errors import KedroAwsBatchError, ProjectError, missing_packages
from kedro_aws_batch.files import PRIVATE, write_atomically
from kedro_aws_batch.kept.logs import log_file
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.launch.runs import LocalRuns
from kedro_aws_batch.report.content import About, content
from kedro_aws_batch.report.measured import read_files
from kedro_aws_batch.report.page import render

from .costs import read_project_prices
from .report import REMARK, console_links
from .resuming import resuming
from .service import runs_of, this_project

try:
    from werkzeug.serving import WSGIRequestHandler, make_server

    from kedro_aws_batch.ui.app import Entrance, PageRuns, create_app
except ImportError as error:
    raise missing_packages("Pages", error, "report") from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro_aws_batch.client import GroupState, RunState

    from .options import Where


class Quiet(WSGIRequestHandler):
    """Doesn't print a line for each request of the page."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


def serve(where: Where, port: int, browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    entrance, source = Entrance(), _source(where)
    listening = listen(port)
    app, own_port = create_app(source, entrance), listening.getsockname()[1]
    server = make_server("127.0.0.1", own_port, app, threaded=True, request_handler=Quiet, fd=listening.detach())
    origin = f"http://127.0.0.1:{own_port}"
    click.echo(f"Runs: {entrance.address(origin)}\nCtrl-C ends this page; runs go on.")
    try:
        with opened(entrance.address_for_once(origin), _folder()) if browser else nullcontext():
            server.serve_forever()
    except KeyboardInterrupt:
        click.echo("")
    finally:
        server.server_close()


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine's port, or on any free one for 0."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"can't be used: {error.strerror}"
        raise KedroAwsBatchError(
            f"Port {port} {why}. Leave out --port to use any free one, or give another."
        ) from error
    return listening


@contextmanager
def opened(address: str, place: Path | None) -> Iterator[None]:
    """Open an address in the user's browser, whose command line shows only a file that leads there.

    The file lies in `place`, or in the system's folder for temporary files, and is removed in the end.
    """
    with tempfile.TemporaryDirectory(prefix="ui-", dir=place) as directory:
        file = Path(directory) / "runs.html"
        link = escape(address)
        write_atomically(file, f'<meta http-equiv="refresh" content="0; url={link}">'.encode(), PRIVATE)
        click.launch(str(file))
        yield


def _folder() -> Path | None:
    """Return where a browser may read files: browsers that a package manager confines can't read /tmp."""
    try:
        place = folder(this_project())
    except ProjectError:
        return None
    place.mkdir(parents=True, exist_ok=True)
    return place


def _page_of_log(group: GroupState) -> str | None:
    """Return the page's address of a local job's log."""
    return f"logs/{group.index}" if group.log_stream else None


def _source(where: Where) -> PageRuns:
    prices = read_project_prices(where)
    if where.local:
        project = this_project()  # found once, since that redirects this process's stdout

        def local_report(state: RunState) -> str:
            place = folder(project) / "logs" / state.run_id
            measured = read_files(place, state.groups) if place.is_dir() else None
            return render(content(state, prices, _page_of_log, About(REMARK, live=True, measured=measured)))

        def log(state: RunState, index: int) -> str | None:
            file = next((log_file(project, state.run_id, one) for one in state.groups if one.index == index), None)
            return file.read_text(encoding="utf-8") if file is not None and file.is_file() else None

        return PageRuns(runs=lambda: LocalRuns(project), render=local_report, commands=where.commands, log=log)
    service, log_link = runs_of(where), console_links()

    def report(state: RunState) -> str:
        return render(content(state, prices, log_link, About(live=True)))

    return PageRuns(runs=lambda: service, render=report, commands=where.commands, resume_run=resuming(where, service))
