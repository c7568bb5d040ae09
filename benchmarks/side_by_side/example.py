"""The example on the embedded Batch, whose containers take 10 s to start: real jobs with real Kedro, in real time."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Report
from benchmarks.side_by_side.comparison import run_driver
from benchmarks.side_by_side.drivers import REDUN, Batch, Spec, poll_each, redun_command
from dag.document import base_name
from kedro_aws_batch.client import Service
from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings, service_root
from kedro_aws_batch.local.batch.launch import inherited_environment
from tests.examples.project import copy_spaceflights, run_python

_START, _WORKERS = 10, 20
_ENVIRONMENT = "--env=aws_batch"
_REDUN = "redun"  # its job definition, and the bucket of its scratch folder


def run() -> list[Report]:
    """Run the example once each way, all on one embedded AWS."""
    report = Report(
        "example",
        f"The example, 16 nodes, on the embedded Batch; a container takes {_START} s to start",
        ("way", "wall, s", "containers", "nodes a container"),
        notes=(
            "one run each, in turn, on one machine: all containers share its cores",
            "wall: from the start of the run until its driver knows that it has ended",
            f"polling: a thread for each of {_WORKERS} workers submits `kedro run --nodes` and asks once a second",
            "redun: a task for each node runs it in a Kedro session; it asks ten times a second instead of every 5 s",
            _quiet(),
        ),
    )
    with _aws() as example:
        nodes = len(example.names)
        for way, act in example.ways().items():
            begin = time.perf_counter()
            ran = act()
            wall = ran.wall or time.perf_counter() - begin
            report.rows.append((way, round(wall, 1), ran.containers, round(nodes / ran.containers, 1)))
    return [report]


def _quiet() -> str:
    """Return how busy the machine is before anything begins."""
    return f"load average of the {os.cpu_count()} cores before: {os.getloadavg()[0]:.1f}"


@contextmanager
def _aws() -> Iterator[Example]:
    """Yield the example on an embedded AWS with its inputs."""
    with tempfile.TemporaryDirectory() as directory:
        project = copy_spaceflights(Path(directory))
        shutil.copy(Path(__file__).with_name("redun_nodes.py"), project)
        compileall.compile_dir(project / "src", quiet=1)
        graph = Path(directory) / "graph.json"
        run_python(project, "-m", "kedro", "aws-batch", "compile", _ENVIRONMENT, f"--output={graph}")
        document = json.loads(graph.read_bytes())
        settings = document["run"]
        with EmbeddedAws(
            service=service_root(),
            graph_document=graph,
            jobs_cwd=project,
            job_queue=settings["job_queue"],
            job_definition=settings["job_definition"],
            start_seconds=_START,
            job_definitions={_REDUN: JobDefinitionSettings(environment=_redun_first())},
        ) as aws:
            s3 = aws.client("s3")
            s3.create_bucket(Bucket=_REDUN)
            s3.create_bucket(Bucket="spaceflights")
            for file in (project / "data/01_raw").iterdir():
                s3.upload_file(str(file), "spaceflights", f"01_raw/{file.name}")
            yield Example(aws, [node["name"] for node in document["nodes"]], _parents(document["nodes"]))


def _redun_first() -> dict[str, str]:
    """Return the environment of jobs that find redun's environment before ours, as in an image with redun."""
    return {"PATH": os.pathsep.join([str(REDUN.parent), inherited_environment()["PATH"]])}


def _parents(nodes: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return each node's parents."""
    made = {base_name(output): number for number, node in enumerate(nodes) for output in node["outputs"]}
    return [sorted({made[name] for name in map(base_name, node["inputs"]) if name in made}) for node in nodes]


@dataclass(frozen=True)
class Ran:
    """What one way to run the example took."""

    containers: int
    wall: float | None = None  #: if the driver is a process of its own, which says it


@dataclass(frozen=True)
class Example:
    """The example on a running embedded AWS."""

    aws: EmbeddedAws
    names: list[str]
    parents: list[list[int]]

    def ways(self) -> Mapping[str, Callable[[], Ran]]:
        """Return the ways, by name; the first learns nothing from others."""
        return {
            "ours, containers carry on, first run": lambda: self.ours(warm_containers=True),
            "ours, one job a node": lambda: self.ours(warm_containers=False),
            "ours, containers carry on, later runs": lambda: self.ours(warm_containers=True),
            "polling, one job a node": self.polling,
            **({"redun, one job a node": self.redun} if REDUN.exists() else {}),
            "kedro run, all in one job": self.alone,
        }

    def ours(self, **settings: Any) -> Ran:
        """Invoke start_run, then look at the run with the plugin's own client."""
        service = Service(self.aws.service_prefix, self.aws.client("lambda"))
        run_id = service.start_run({"params": {"aws_batch": settings}}).run_id
        while not (state := service.describe_run(run_id)).ended:
            time.sleep(0.2)
        _require(state.status, run_id)
        return Ran(len({group.job_id for group in state.groups}))

    def polling(self) -> Ran:
        """Submit each node as Kedro's guide describes it."""
        batch = Batch(Spec("", self.aws.job_definition, self.aws.job_queue, "", "", 1), self.aws.client("batch"))
        poll_each(batch, self.parents, _WORKERS, lambda node: self._submit(f"--nodes={self.names[node]}"))
        return Ran(len(self.names))

    def redun(self) -> Ran:
        """Have redun submit a task for each node, on its own executor."""
        spec = Spec("", _REDUN, self.aws.job_queue, "", "", 0)
        command = redun_command("example", spec, f"s3://{_REDUN}/scratch", self.names, self.parents)
        wall, _ = run_driver(command, {**os.environ, **self.aws.environment})
        return Ran(len(self.names), wall)

    def alone(self) -> Ran:
        """Run everything in one job."""
        job, client = self._submit(), self.aws.client("batch")
        while (status := client.describe_jobs(jobs=[job])["jobs"][0]["status"]) not in ("SUCCEEDED", "FAILED"):
            time.sleep(0.2)
        _require(status, job)
        return Ran(1)

    def _submit(self, *words: str) -> str:
        answer = self.aws.client("batch").submit_job(
            jobName="example",
            jobQueue=self.aws.job_queue,
            jobDefinition=self.aws.job_definition,
            containerOverrides={"command": ["kedro", "run", _ENVIRONMENT, *words]},
        )
        return str(answer["jobId"])


def _require(status: str, what: str) -> None:
    if status != "SUCCEEDED":
        raise RuntimeError(f"{what} is {status}")
