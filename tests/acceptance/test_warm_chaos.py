"""Runs whose containers carry on end well, although containers, their children and hosts are killed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from adapters.run_table import DynamoRunTable
from dag.shards import View
from kedro_aws_batch.local import EmbeddedAws
from tests.local.support import alive, until

from .support import (
    Json,
    Node,
    Project,
    Shape,
    believe_invocations_short,
    finished,
    layers,
    make_project,
    meanwhile,
    open_runs,
    reconciling,
    service,
    statuses,
)

#: How containers die: all of it is tried again, where a job has several attempts.
WAYS = [
    "child killed",
    "child terminated",
    "worker killed",
    "worker terminated",
    "exit 137",
    "exit 0",
    "host taken",
]
#: With one attempt: the host's end is nobody's fault, and what a group beside others lacked is tried again alone.
FAULTLESS = ["host taken"]
CARRIED = [*FAULTLESS, "exit 137", "child killed", "worker killed"]


def named(prefix: str, shape: Shape, *attempts: int) -> dict[str, Node]:
    """Return a shape whose nodes have other names, and by turns so many attempts."""
    return {
        prefix + name: replace(
            node, after=[prefix + above for above in node.after], resources={"attempts": tries, "timeout": 60}
        )
        for (name, node), tries in zip(shape.items(), cycle(attempts), strict=False)
    }


PIPELINES = {
    "many": named("a", layers(1, 3, 1, 1, 1, 1, 1, 1), 4),
    "one": named("b", layers(1, 2, 2, 1, 1), 1),
    # What may be tried once is run by containers that may be tried four times.
    "mixed": named("c", layers(1, 2, 2, 1, 1, 1), 4, 4, 4, 1),
}


def carrying_project(root: Path, pipelines: Mapping[str, Shape] = PIPELINES) -> Project:
    """Return a project whose jobs are the product's, but for Kedro."""
    project = make_project(root, pipelines, warm_containers=True)
    package = root / "jobs/kedro_aws_batch"
    package.joinpath("__init__.py").write_text(
        "import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\n", encoding="utf-8"
    )
    shutil.copyfile(Path(__file__).with_name("carrying_stand_in.py"), package / "job.py")
    parents = {name: list(node.after) for shape in pipelines.values() for name, node in shape.items()}
    once = [name for shape in pipelines.values() for name, node in shape.items() if node.resources["attempts"] == 1]
    lives = {"once": once, "parents": parents, "ways": WAYS, "faultless": FAULTLESS, "carried": CARRIED}
    (root / "lives.json").write_text(json.dumps(lives), encoding="utf-8")
    return project


def request(seed: int, number: int) -> dict[str, Any]:
    """Return a run's request: it varies the policy, the places, and whether nodes may be tried again."""
    rng = random.Random(f"{seed} {number}")
    pipeline = "mixed" if number % 5 == 4 else "one" if number % 3 == 2 else "many"
    chaos: dict[str, Any] = {"seed": f"{seed} {number}", "rate": 0.15, "most": 2 if pipeline == "many" else 1}
    asked: dict[str, Any] = {"idempotency_key": f"{seed} {number}", "pipeline": pipeline}
    if number % 4 == 3 and pipeline == "many":
        asked["on_failure"], chaos["doomed"] = "continue", "an1_2"
    if pipeline == "mixed" and number % 2 == 0:
        asked["on_failure"], chaos["doomed"] = "continue", "cn2_0"
    if rng.random() < 0.5:
        asked["max_workers"] = rng.randint(1, 3)
    return {**asked, "params": {"chaos": chaos, "aws_batch": {"array_jobs": rng.random() < 0.5}}}


class Killer:
    """Takes hosts away from the containers that ask for it, and kills some others at any moment."""

    def __init__(self, aws: EmbeddedAws, project: Project, seed: int) -> None:
        self._aws, self._project, self._random = aws, project, random.Random(seed)
        self._taken: set[tuple[str, int]] = set()
        #: The jobs killed at some moment, and what killed them.
        self.killed: dict[tuple[str, int], str] = {}

    def at_work(self) -> AbstractContextManager[None]:
        """Return a context until whose end it kills."""
        return meanwhile(self.look, lambda: self._random.uniform(0.02, 0.06))

    def look(self) -> None:
        """Take hosts, and by chance kill one container that may be tried again."""
        traces = self._project.all_traces()
        for line in traces:
            if line.get("way") == "host taken" and container(line) not in self._taken:
                self._aws.reclaim_host(line["job_id"])
                self._taken.add(container(line))
        if traces and self._random.random() < 0.03:
            line = self._random.choice(traces)
            jobs = {job for job, _ in self.killed}
            if line["node"].startswith("a") and line["job_id"] not in jobs and is_worker(line["worker"]):
                number = self._random.choice([signal.SIGKILL, signal.SIGTERM])
                self.killed[container(line)] = number.name
                with contextlib.suppress(ProcessLookupError):
                    os.kill(line["worker"], number)


def container(line: Json) -> tuple[str, int]:
    """Return the job and the attempt that left a trace."""
    return line["job_id"], line["try"]


def is_worker(pid: int) -> bool:
    """Return whether a process is a container's first: its number may be another's by now."""
    try:
        return b"kedro_aws_batch.job" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def expected(request: Mapping[str, Any]) -> dict[str, str]:
    """Return how each node must end."""
    shape, doomed = PIPELINES[request["pipeline"]], request["params"]["chaos"].get("doomed")
    found: dict[str, str] = {}
    for name, node in shape.items():
        above = {found[parent] for parent in node.after}
        found[name] = "FAILED" if name == doomed else "SUCCEEDED" if above <= {"SUCCEEDED"} else "SKIPPED"
    return found


def outputs(shape: Shape, nodes: Sequence[str]) -> dict[str, str]:
    """Return what these nodes must have written."""
    found: dict[str, str] = {}
    for name in nodes:
        inputs = [found[parent] for parent in shape[name].after]
        found[name] = hashlib.sha256(" ".join([name, *inputs]).encode()).hexdigest()
    return found


def check_outputs(project: Project, run_id: str, asked: Mapping[str, Any]) -> None:
    """Check that each node that succeeded has written what its inputs say, and no other has written anything."""
    ends = expected(asked)
    succeeded = [name for name, end in ends.items() if end == "SUCCEEDED"]
    files = (project.root / "outputs" / run_id).iterdir()
    written = {file.name: file.read_text(encoding="utf-8") for file in files if "." not in file.name}
    assert written == outputs(PIPELINES[asked["pipeline"]], succeeded)


def check_table(aws: EmbeddedAws, run_id: str, asked: Mapping[str, Any]) -> None:
    """Check that each group succeeded once, that all that was submitted has ended, and that no place is kept."""
    table = DynamoRunTable(aws.client("dynamodb"), f"{aws.service_prefix}-RunTable")
    run, view = table.get_run(run_id), View()
    for shard in table.shards(run_id, None)[0]:
        view.add(shard)
    assert run is not None
    assert run.slots == frozenset()
    assert (view.in_flight(), view.open_claims()) == ([], [])
    succeeded = [mark.group for shard in view.shards.values() for mark in shard.marks("succeeded")]
    wanted = [index for index, end in enumerate(expected(asked).values()) if end == "SUCCEEDED"]
    assert sorted(succeeded) == wanted
    recorded = [outcome for outcome in table.outcomes(run_id, 0, run.groups_total, None)[0] if outcome.succeeded]
    assert sorted(outcome.mark.group for outcome in recorded) == wanted


def check_tries(traces: Sequence[Json], killed: Mapping[tuple[str, int], str]) -> None:
    """Check that a node runs again only after its container or process died, and only once at a time."""
    tries: dict[str, list[list[Json]]] = defaultdict(list)
    for line in traces:
        of_node = tries[line["node"]]
        if line["what"] == "begun":
            if of_node:
                check_dead(of_node[-1], line, killed)
            of_node.append([])
        else:
            assert line["pid"] == of_node[-1][0]["pid"], f"two at a time: {of_node[-1]}, {line}"
        of_node[-1].append(line)


def check_doomed(traces: Sequence[Json], asked: Mapping[str, Any]) -> None:
    """Check that a node which fails by itself was tried no more often than it may be."""
    doomed = asked["params"]["chaos"].get("doomed")
    tries = [line for line in traces if (line["what"], line["node"]) == ("begun", doomed)]
    if doomed:
        assert len(tries) <= PIPELINES[asked["pipeline"]][doomed].resources["attempts"], tries


def check_dead(last: Sequence[Json], again: Json, killed: Mapping[tuple[str, int], str]) -> None:
    """Check that a try of a node had died before the next began."""
    died = any(line["what"] == "dies" for line in last) or container(last[0]) in killed
    assert died, f"a node ran again, although nothing befell it: {last}, {again}"
    assert not alive(last[0]["pid"])


@pytest.mark.long
@pytest.mark.parametrize(("priority", "order"), [(5_000, "zero first urgent then"), (0, "zero first then urgent")])
def test_a_container_carries_on_with_a_node_or_ends_for_a_job_that_waits_by_their_priorities(
    tmp_path: Path, priority: int, order: str
) -> None:
    """In a queue with room for one job. By their paths the first has priority 6666, and what follows it 3333."""
    asks = {"attempts": 1, "timeout": 60, "vcpus": 1, "memory": 1_000, "share_identifier": "mine"}
    more = {**asks, "memory": 2_000, "priority": priority}  # so it has a job of its own
    shape = {
        "zero": Node(resources=asks),
        "first": Node(after=["zero"], resources=asks),
        "urgent": Node(after=["zero"], resources=more),
        "then": Node(after=["first"], resources=asks),
    }
    project = carrying_project(tmp_path, {"shares": shape})
    params = {"chaos": {"seed": "", "rate": 0, "most": 0, "seconds": 3}}  # by then whatever is ready is submitted
    with project.aws(max_vcpus=1, fair_share=["embedded_queue"]) as aws:
        state = finished(aws, service(aws).start_run({"pipeline": "shares", "params": params}))
    assert set(statuses(state).values()) == {"SUCCEEDED"}
    jobs = {line["node"]: line["job_id"] for line in project.all_traces() if line["what"] == "begun"}
    assert " ".join(jobs) == order
    assert (jobs["first"] == jobs["zero"], jobs["then"] == jobs["first"]) == (True, priority == 0)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_each_node_succeeds_once_although_its_container_or_its_host_dies(tmp_path: Path) -> None:
    befell = chaos(tmp_path, seed=1)

    assert {place for _, place in befell} >= {1, 2}


def chaos(root: Path, seed: int, numbers: Sequence[int] = (0, 2, 4, 9)) -> Counter[tuple[str, int]]:
    """Run under chaos, check every promise, and return what befell groups, by their place in their container."""
    project = carrying_project(root)
    requests = [request(seed, number) for number in numbers]
    with project.aws(visibility_timeout=5) as aws:
        functions, killer = service(aws), Killer(aws, project, seed)
        with reconciling(aws, every=5), killer.at_work(), ThreadPoolExecutor(2) as pool:
            started = list(pool.map(functions.start_run, requests))
            for run in started:
                finished(aws, run, 200)
            believe_invocations_short(aws)  # none is at work by now: each run is settled at once
            until(lambda: open_runs(aws) == [], 60)
        for run, asked in zip(started, requests, strict=True):
            state = functions.describe_run(run.run_id)
            assert statuses(state) == expected(asked), f"{asked}: {state}"
            check_table(aws, run.run_id, asked)
    for run, asked in zip(started, requests, strict=True):
        check_outputs(project, run.run_id, asked)
        check_tries([line for line in project.all_traces() if line["run_id"] == run.run_id], killer.killed)
        check_doomed([line for line in project.all_traces() if line["run_id"] == run.run_id], asked)
    traces = project.all_traces()
    assert [line for line in traces if alive(line["pid"]) or is_worker(line["worker"])] == []
    workers = {(container(line), line["worker"]) for line in traces}
    assert len(workers) > len({of for of, _ in workers}), "no later group was forked from a process of its own"
    print(f"{len(killer.killed)} containers killed at any moment, {Counter(line['what'] for line in traces)}")
    return Counter((line["way"], line["place"]) for line in traces if line["what"] == "dies")
