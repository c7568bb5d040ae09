"""Runs jobs as in a container, and looks at what they saved."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.document import signature
from kedro_aws_batch._service.dag.payload import joined_signatures

from .project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]
    Ended = subprocess.CompletedProcess[str]
    Run = Callable[..., Ended]

RUN = "2026-11-22T13.11.00.123Z"
NEWER = "2026-11-23T00.00.00.000Z"
OLDER = "2026-11-21T00.00.00.000Z"
BETWEEN = "2026-11-22T13.10.59.000Z"


def surroundings(nodes: list[str], payload: dict[str, Any] | None, **environment: str) -> dict[str, str]:
    """Return the environment of a job."""
    more = dict(payload or {})
    group: dict[str, Any] = {"nodes": nodes}
    group |= {key: more.pop(key) for key in ("load_versions", "signatures") if key in more}
    raw = {"format": 1, "run_id": RUN, "environment": "aws_batch", "groups": [group], **more}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("KEDRO", "PYTHONPATH"))}
    return {**inherited, "KEDRO_AWS_BATCH_JOB": json.dumps(raw), **environment}


def start_job(project: Path, nodes: list[str], payload: dict[str, Any] | None = None, **environment: str) -> Ended:
    """Run a job in an interpreter that begins with it, as a container's first is."""
    return subprocess.run(
        [sys.executable, "-m", "kedro_aws_batch.job"],
        cwd=project,
        env=surroundings(nodes, payload, **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def signatures(*nodes: tuple[str, str, str]) -> str:
    """Return nodes in the payload: name, input, output."""
    return joined_signatures(signature(name, [read], [written]) for name, read, written in nodes)


def passed(ended: Ended) -> Ended:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def put(path: Path, value: Any, version: str | None = None, at: str | None = None) -> None:
    """Write a pickle with the time of its version or, without one, a time before the run began."""
    target = path / version / path.name if version else path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pickle.dumps(value))
    moment = datetime.strptime(at or version or OLDER, "%Y-%m-%dT%H.%M.%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
    os.utime(target, (moment, moment))


def saved(path: Path, version: str | None = None) -> Any:
    return pickle.loads((path / version / path.name if version else path).read_bytes())  # noqa: S301


def versions(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir())


def versioned_chain(make_project: Make, **more: Any) -> Path:
    catalog = {name: pickled(f"data/{name}", versioned=True) for name in ("middle", "final")}
    project = make_project(Sources(catalog={"raw": pickled("data/raw"), **catalog}, **more))
    put(project / "data/raw", "from raw")
    return project
