"""The drivers, each in a process of its own: `python -m benchmarks.side_by_side.drivers NAME SPEC`.

Each runs the nodes of the spec and prints the seconds from its first call until it knows that all have succeeded. These
don't include imports and making clients, but the CPU time of the process does.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.side_by_side.shapes import SHAPES

#: The Python of redun's own environment, which `make bench` makes.
REDUN = Path(__file__).parents[2] / ".venv/redun/bin/python"
_MOST_DEPENDENCIES = 20  # of a job: SubmitJob
_MOST_DESCRIBED = 100  # jobs a DescribeJobs


@dataclass(frozen=True)
class Spec:
    """What to run."""

    shape: str
    definition: str
    queue: str
    prefix: str  #: of the functions' names
    pipeline: str
    look_every: float  #: seconds between two looks at whether all is over

    def parents(self) -> list[list[int]]:
        """Return the parents of each node."""
        return SHAPES[self.shape]()


def redun_command(
    kind: str, spec: Spec, scratch: str, names: Sequence[str], parents: Sequence[Sequence[int]]
) -> list[str]:
    """Return the command of redun's driver; the kind of nodes is `sleeping` or `example`."""
    script = str(Path(__file__).with_name("redun_driver.py"))
    return [str(REDUN), script, kind, spec.queue, spec.definition, scratch, json.dumps(names), json.dumps(parents)]


def client(name: str) -> Any:
    """Return a client with enough connections for any driver's threads."""
    return boto3.client(name, config=Config(max_pool_connections=50))  # type: ignore[call-overload]


@dataclass
class Batch:
    """Common code of the drivers that call Batch themselves."""

    spec: Spec
    client: Any = field(default_factory=lambda: client("batch"))

    def submit(self, name: str, after: Iterable[str] = (), definition: str | None = None) -> str:
        """Submit a job and return its id."""
        answer = self.client.submit_job(
            jobName=name,
            jobQueue=self.spec.queue,
            jobDefinition=definition or self.spec.definition,
            dependsOn=[{"jobId": job} for job in after],
        )
        return str(answer["jobId"])

    def statuses(self, jobs: Sequence[str]) -> list[str]:
        """Return the status of each job. Raises if one has failed."""
        found = []
        for start in range(0, len(jobs), _MOST_DESCRIBED):
            answer = self.client.describe_jobs(jobs=jobs[start : start + _MOST_DESCRIBED])
            found += [job["status"] for job in answer["jobs"]]
        if "FAILED" in found:
            raise RuntimeError("a job has failed")
        return found


def floor(spec: Spec) -> None:
    """Submit everything at once and let Batch order it; then look at the jobs that nothing follows.

    A job that waits for more than 20 others waits for empty jobs that wait for 20 each.
    """
    batch, parents = Batch(spec), spec.parents()
    jobs: list[str] = []
    inner: set[int] = set()
    for node, above in enumerate(parents):
        inner.update(above)
        after = [jobs[parent] for parent in above]
        while len(after) > _MOST_DEPENDENCIES:
            chunks = [after[start : start + _MOST_DEPENDENCIES] for start in range(0, len(after), _MOST_DEPENDENCIES)]
            after = [batch.submit(f"floor-{node}-join", chunk, "nothing") for chunk in chunks]
        jobs.append(batch.submit(f"floor-{node}", after))
    last = [job for node, job in enumerate(jobs) if node not in inner]
    while set(batch.statuses(last)) != {"SUCCEEDED"}:
        time.sleep(spec.look_every)


def polling(spec: Spec, workers: int) -> None:
    """Run the nodes as Kedro's guide describes it."""
    batch = Batch(spec)
    poll_each(batch, spec.parents(), workers, lambda node: batch.submit(f"polling-{node}"))


def poll_each(batch: Batch, parents: Sequence[Sequence[int]], workers: int, submit: Callable[[int], str]) -> None:
    """Submit each node from a thread that then polls its job once a second; `submit` returns the job's id."""
    todo, done = set(range(len(parents))), set[int]()

    def see_through(node: int) -> int:
        job = submit(node)
        while True:
            time.sleep(1)
            if batch.statuses([job]) == ["SUCCEEDED"]:
                return node

    with ThreadPoolExecutor(workers) as pool:
        under_way: set[Future[int]] = set()
        while todo or under_way:
            ready = {node for node in todo if done.issuperset(parents[node])}
            todo -= ready
            under_way |= {pool.submit(see_through, node) for node in sorted(ready)}
            over, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            done |= {each.result() for each in over}


def ours(spec: Spec) -> None:
    """Invoke start_run, then look at the run with the plugin's own client."""
    from kedro_aws_batch.client import Service  # noqa: PLC0415 - the others need not pay for it

    service = Service(spec.prefix, client("lambda"))
    run_id = service.start_run({"pipeline": spec.pipeline}).run_id
    while not (state := service.describe_run(run_id)).ended:
        time.sleep(spec.look_every)
    if state.status != "SUCCEEDED":
        raise RuntimeError(f"{run_id} is {state.status}: {state.reason}")


DRIVERS: dict[str, Callable[[Spec], None]] = {
    "floor": floor,
    "polling 20": lambda spec: polling(spec, 20),
    "polling 4": lambda spec: polling(spec, 4),
    "ours": ours,
}


def main() -> None:
    """Run one driver and print how long it took."""
    driver, spec = DRIVERS[sys.argv[1]], Spec(**json.loads(sys.argv[2]))
    begin = time.perf_counter()
    driver(spec)
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main()
