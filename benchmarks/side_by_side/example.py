"""The example on the embedded Batch, whose containers take 10 s to start: real jobs with real Kedro, in real time."""

from __future__ import annotations

import compileall
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Report
from benchmarks.side_by_side.drivers import Batch, Spec, poll_each
from dag.document import base_name
from kedro_aws_batch.client import Service
from kedro_aws_batch.local import EmbeddedAws, service_root
from tests.examples.project import copy_spaceflights, run_python

_START, _WORKERS = 10, 20
_ENVIRONMENT = "--env=aws_batch"


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
            _quiet(),
        ),
    )
    with _aws() as example:
        nodes = len(example.names)
        for way, act in example.ways().items():
            begin = time.perf_counter()
            containers = act()
            wall = time.perf_counter() - begin
            report.rows.append((way, round(wall, 1), containers, round(nodes / containers, 1)))
    return [report]


def _quiet() -> str:
    """Return how busy the machine is before anything begins."""
    return f"load average of the {os.cpu_count()} cores before: {os.getloadavg()[0]:.1f}"


@contextmanager
def _aws() -> Iterator[Example]:
    """Yield the example on an embedded AWS with its inputs."""
    with tempfile.TemporaryDirectory() as directory:
        project = copy_spaceflights(Path(directory))
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
        ) as aws:
            s3 = aws.client("s3")
            s3.create_bucket(Bucket="spaceflights")
            for file in (project / "data/01_raw").iterdir():
                s3.upload_file(str(file), "spaceflights", f"01_raw/{file.name}")
            yield Example(aws, [node["name"] for node in document["nodes"]], _parents(document["nodes"]))


def _parents(nodes: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return each node's parents."""
    made = {base_name(output): number for number, node in enumerate(nodes) for output in node["outputs"]}
    return [sorted({made[name] for name in map(base_name, node["inputs"]) if name in made}) for node in nodes]


@dataclass(frozen=True)
class Example:
    """The example on a running embedded AWS; each way to run it returns how many containers it took."""

    aws: EmbeddedAws
    names: list[str]
    parents: list[list[int]]

    def ways(self) -> Mapping[str, Callable[[], int]]:
        """Return the ways, by name; the first learns nothing from others."""
        return {
            "ours, containers carry on, first run": lambda: self.ours(warm_containers=True),
            "ours, one job a node": lambda: self.ours(warm_containers=False),
            "ours, containers carry on, later runs": lambda: self.ours(warm_containers=True),
            "polling, one job a node": self.polling,
            "kedro run, all in one job": self.alone,
        }

    def ours(self, **settings: Any) -> int:
        """Invoke start_run, then look at the run with the plugin's own client."""
        service = Service(self.aws.service_prefix, self.aws.client("lambda"))
        run_id = service.start_run({"params": {"aws_batch": settings}}).run_id
        while not (state := service.describe_run(run_id)).ended:
            time.sleep(0.2)
        _require(state.status, run_id)
        return len({group.job_id for group in state.groups})

    def polling(self) -> int:
        """Submit each node as Kedro's guide describes it."""
        batch = Batch(Spec("", self.aws.job_definition, self.aws.job_queue, "", "", 1), self.aws.client("batch"))
        poll_each(batch, self.parents, _WORKERS, lambda node: self._submit(f"--nodes={self.names[node]}"))
        return len(self.names)

    def alone(self) -> int:
        """Run everything in one job."""
        job, client = self._submit(), self.aws.client("batch")
        while (status := client.describe_jobs(jobs=[job])["jobs"][0]["status"]) not in ("SUCCEEDED", "FAILED"):
            time.sleep(0.2)
        _require(status, job)
        return 1

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
