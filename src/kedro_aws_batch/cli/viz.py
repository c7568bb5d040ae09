"""`kedro aws-batch viz`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted, listed

from .service import Place, place_options, run_argument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro.pipeline import Pipeline

    from kedro_aws_batch.client import RunState

#: Kedro-Viz builds into this folder of the project, and no other.
BUILT = "build"


@click.command("viz")
@run_argument()
@click.option("--open", "open_", is_flag=True, help="Open Kedro-Viz in the browser afterwards.")
@click.option(
    "--static", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Build a page to share, in DIR."
)
@place_options
def command(place: Place, run: str | None, open_: bool, static: Path | None) -> None:
    """Show a run in Kedro-Viz: each node's status, duration and error in the flowchart.

    Writes .viz/kedro_pipeline_events.json, which Kedro-Viz reads whenever it asks for the status: again, to see how the
    run went on. RUN is a run's id, or as much of its beginning as only one has; left out, the latest run.

    \b
    Examples:
      kedro aws-batch viz --open
      kedro aws-batch viz 2026-11-22T13 --static=public
    """
    from kedro_aws_batch.launch.runs import find_run  # noqa: PLC0415

    if open_ or static is not None:
        _require_kedro_viz()
    project = place.project
    if static is not None:
        _require_room(static, project)
    runs = place.runs()
    state = runs.describe_run(find_run(runs, run))
    click.echo(_write(state, project, _pipelines(place)))
    if static is not None:
        _build(project, place.environment, static)
        click.echo(f"Kedro-Viz: {static}/index.html, to be served by any web server")
    if open_:
        sys.exit(_kedro_viz(project, place.environment, "run", f"--env={place.environment}"))
    elif static is None:
        click.echo(f"To see it: kedro viz run --env={place.environment}")


def _pipelines(place: Place) -> Mapping[str, Pipeline]:
    from kedro_aws_batch.graph.project import Opening, open_project  # noqa: PLC0415

    with stdout_kept_clean():
        return open_project(Opening(place.environment, conf_source=place.conf_source)).pipelines


def _write(state: RunState, project: Path, pipelines: Mapping[str, Pipeline]) -> str:
    """Write the events of a run and return what to say of it."""
    from kedro_aws_batch.files import write_atomically  # noqa: PLC0415
    from kedro_aws_batch.report.viz import EVENTS_FILE, events, nodes_of  # noqa: PLC0415

    nodes = nodes_of(state, pipelines)
    content = json.dumps(events(state, nodes), indent=2, ensure_ascii=False)
    write_atomically(project / EVENTS_FILE, content.encode())
    gone = [name for group in state.groups for name in group.nodes if name not in nodes]
    missing = f" The project no longer has {listed(gone)}." if gone else ""
    return f"Run {state.run_id} ({state.status}): {EVENTS_FILE}, {counted(len(nodes), 'node')}.{missing}"


def _require_kedro_viz() -> None:
    if find_spec("kedro_viz") is None:
        raise KedroAwsBatchError("Kedro-Viz is not installed: pip install 'kedro-aws-batch[viz]'.")


def _require_room(static: Path, project: Path) -> None:
    """Refuse to overwrite what is there, also in the folder into which Kedro-Viz builds."""
    for folder in (static, project / BUILT):
        if folder.exists() and (folder == project / BUILT or any(folder.iterdir())):
            raise KedroAwsBatchError(f"'{folder}' is there already, and Kedro-Viz would write into it. Move it away.")


def _build(project: Path, environment: str, static: Path) -> None:
    built = project / BUILT
    code = _kedro_viz(project, environment, "build")
    if code or not (built / "index.html").is_file():  # it says what is wrong and exits with 0
        shutil.rmtree(built, ignore_errors=True)
        raise KedroAwsBatchError("Kedro-Viz could not build the page; what it said is above.")
    static.parent.mkdir(parents=True, exist_ok=True)
    if static.exists():
        static.rmdir()
    shutil.move(built, static)


def _kedro_viz(project: Path, environment: str, *words: str) -> int:
    """Run Kedro-Viz in the project; `build` takes its environment from a variable alone."""
    environ = {**os.environ, "KEDRO_ENV": environment}
    command = [sys.executable, "-m", "kedro", "viz", *words]
    return subprocess.run(command, cwd=project, env=environ, check=False).returncode
