"""What the page's button does: it calls `resume`, so that there is one way to resume a run."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.errors import KedroAwsBatchError, ProjectError
from kedro_aws_batch.wording import plain

from .service import this_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro_aws_batch.client import Runs

    from .options import Where

#: Of the newest runs, so many are looked through for the one that was just started.
_NEWEST = 20


def resuming(where: Where, runs: Runs) -> Callable[[str], str] | None:
    """Return what resumes a run on AWS and returns the new one; None outside of a project, where `resume` can't."""
    try:
        this_project()
    except ProjectError:
        return None
    return lambda run_id: _resume(where, runs, run_id)


def _resume(where: Where, runs: Runs, run_id: str) -> str:
    """Call the command in a process of its own, which reads the project as it is now. What it says is printed."""
    words = ["resume", run_id, "--detach", f"--env={where.environment}"]
    words += [f"--service={where.service}"] if where.service else []
    words += [f"--conf-source={where.conf_source}"] if where.conf_source else []
    command = [sys.executable, "-m", "kedro_aws_batch", *words]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    click.echo(plain(f"{ended.stderr}{ended.stdout}").rstrip(), err=True)
    if ended.returncode:
        raise KedroAwsBatchError(ended.stderr.rpartition("Error: ")[2].strip())
    started = (run.run_id for run in runs.list_runs(limit=_NEWEST) if run.resumed_from == run_id)
    return next(started, run_id)
