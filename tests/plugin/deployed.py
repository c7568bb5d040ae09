"""A project's service, deployed to an embedded AWS in the test's process, and commands that use it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.client import RunState, Service
from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings, service_root

from .commands import call_in
from .project import CONFIGURATION, Sources, pickled, write_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.forking import Interpreter

PREFIX = "deployed-test"
SERVED = {**CONFIGURATION, "service": PREFIX}
REGISTRY = """
import time
from pathlib import Path

def make():
    return 21

def second(x, way):
    if way == "fail":
        raise RuntimeError("it went \\x1b[31mwrong")
    if way == "sleep":
        Path("shared/sleeping").touch()
        while not Path("shared/wake").exists():
            time.sleep(0.1)
    return [x, way]

def register_pipelines():
    first = pipeline([node(make, None, "middle", name="first", tags=["early"])])
    return {"__default__": first + pipeline([
        node(second, ["middle", "params:way"], "final", name="second"),
        node(same, "final", "copied", name="third"),
    ]), "opening": first}
"""
CATALOG = {name: pickled(f"s3://bucket/{name}.pkl") for name in ("middle", "final", "copied")}


@dataclass(frozen=True)
class Deployed:
    """A project with its service."""

    project: Path
    aws: EmbeddedAws
    #: What forks for the commands; None: each begins in an interpreter of its own.
    interpreter: Interpreter | None = None

    @property
    def service(self) -> Service:
        return Service(PREFIX, self.aws.client("lambda"))

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return {**inherited, **self.aws.environment, "COLUMNS": "200"}

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `kedro …` in the project, in a process of its own."""
        if self.interpreter is not None:
            return self.interpreter.run(["kedro", *words], self.project, self.environment(), timeout=120)
        return subprocess.run(
            _kedro(words),
            cwd=self.project,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def calling(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run `kedro …` for as long as this lasts."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with subprocess.Popen(_kedro(words), cwd=self.project, env=self.environment(), **pipes) as process:
            try:
                yield process
            finally:
                process.kill()

    def stored(self) -> set[str]:
        """Return the keys in the bucket."""
        found = self.aws.client("s3").list_objects_v2(Bucket="bucket").get("Contents", [])
        return {entry["Key"] for entry in found}

    def ended(self, run_id: str) -> RunState:
        """Return the state of a run, once it has ended."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            state = self.service.describe_run(run_id)
            if state.ended and state.settled:
                return state
            time.sleep(0.1)
        raise TimeoutError(f"run {run_id} does not end")


@contextmanager
def deployed(
    folder: Path, sources: Sources | None = None, interpreter: Interpreter | None = None
) -> Iterator[Deployed]:
    """Deploy a project, by default the one above."""
    project = write_project(folder, sources or Sources(REGISTRY, CATALOG, SERVED, {"way": "on"}))
    graph = folder / "graph.json"
    compiled = call_in(project, "compile", f"--output={graph}")
    assert compiled.exit_code == 0, compiled.stderr
    settings: dict[str, Any] = {"job_queue": "main_queue", "job_definition": "kedro_run", "service_prefix": PREFIX}
    # As in the stack: jobs have the deployment's own log group.
    settings["job_definitions"] = {"kedro_run": JobDefinitionSettings(log_group=f"/aws/batch/{PREFIX}")}
    with EmbeddedAws(
        service=service_root(), graph_document=graph, jobs_cwd=project, shared_paths=["shared"], **settings
    ) as aws:
        aws.client("s3").create_bucket(Bucket="bucket")
        yield Deployed(project, aws, interpreter)


def interrupt_when(process: subprocess.Popen[str], sign: Path) -> str:
    """Send Ctrl-C to a command once a file exists, and return all of the command's output."""
    deadline = time.monotonic() + 60
    while not sign.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    return output


def _kedro(words: tuple[str, ...]) -> list[str]:
    return [str(Path(sys.executable).parent / "kedro"), *words]
