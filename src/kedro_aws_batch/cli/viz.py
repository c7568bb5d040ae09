"""Does `kedro aws-batch viz`."""

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

from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.files import write_atomically
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.launch.runs import find_run
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.report.viz import EVENTS_FILE, events, names_of, nodes_of
from kedro_aws_batch.show.reused import made_by
from kedro_aws_batch.wording import counted

from .service import runs_of, this_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro.pipeline import Pipeline

    from kedro_aws_batch.client import RunState

    from .options import Where

#: Kedro-Viz always builds into this folder of the project.
BUILT = "build"


def viz(where: Where, run: str | None, open_: bool, static: Path | None) -> None:
    """Write a run's events for Kedro-Viz, and build or open its page if asked to."""
    if open_ or static is not None:
        _require_kedro_viz()
    project = this_project()
    if static is not None:
        _require_room(static, project)
    runs = runs_of(where)
    state = runs.describe_run(find_run(runs, run))
    click.echo(_write(state, project, _pipelines(where)))
    if static is not None:
        _build(project, where.environment, static)
        click.echo(f"Kedro-Viz: {static}/index.html, for any web server")
    if open_:
        sys.exit(_kedro_viz(project, where.environment, "run", f"--env={where.environment}"))
    elif static is None:
        click.echo(f"To see it: kedro viz run --env={where.environment}")


def _pipelines(where: Where) -> Mapping[str, Pipeline]:
    with stdout_kept_clean():
        return open_project(Opening(where.environment, conf_source=where.conf_source)).pipelines


def _write(state: RunState, project: Path, pipelines: Mapping[str, Pipeline]) -> str:
    """Write the events of a run and return a message."""
    nodes = nodes_of(state, pipelines)
    content = json.dumps(events(state, nodes), indent=2, ensure_ascii=False)
    write_atomically(project / EVENTS_FILE, content.encode())
    gone = [name for name in names_of(state) if name not in nodes]
    made = made_by(state.resumed)
    reused = f" Reused: {made}." if made else ""
    missing = f" The project no longer has {listed(gone)}." if gone else ""
    return f"Run {state.run_id} ({state.status}): {EVENTS_FILE}, {counted(len(nodes), 'node')}.{reused}{missing}"


def _require_kedro_viz() -> None:
    if find_spec("kedro_viz") is None:
        raise KedroAwsBatchError("Kedro-Viz is not installed: pip install 'kedro-aws-batch[viz]'.")


def _require_room(static: Path, project: Path) -> None:
    """Refuse to overwrite existing folders, including the one into which Kedro-Viz builds."""
    for folder in (static, project / BUILT):
        if folder.exists() and (folder == project / BUILT or any(folder.iterdir())):
            raise KedroAwsBatchError(f"'{folder}' exists already, and Kedro-Viz would write into it. Move it away.")


def _build(project: Path, environment: str, static: Path) -> None:
    built = project / BUILT
    code = _kedro_viz(project, environment, "build")
    if code or not (built / "index.html").is_file():  # it says what is wrong and exits with 0
        shutil.rmtree(built, ignore_errors=True)
        raise KedroAwsBatchError("Kedro-Viz could not build the page; its messages are above.")
    static.parent.mkdir(parents=True, exist_ok=True)
    if static.exists():
        static.rmdir()
    shutil.move(built, static)


def _kedro_viz(project: Path, environment: str, *words: str) -> int:
    """Run Kedro-Viz in the project; `build` takes its environment only from a variable."""
    environ = {**os.environ, "KEDRO_ENV": environment}
    command = [sys.executable, "-m", "kedro", "viz", *words]
    return subprocess.run(command, cwd=project, env=environ, check=False).returncode
