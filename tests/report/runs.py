"""Runs to report on, as describe_run answers them."""

from __future__ import annotations

import random
from typing import Any

from kedro_aws_batch.client import RunState, read_state

START = 1_795_353_060_000  # 2026-11-22T13:11:00Z
SCRIPT = "<script>window.caught=1</script>"
IMAGE = '"><img src=x onerror=window.caught=1>'


def group(index: int, *parents: int, **more: Any) -> dict[str, Any]:
    """A group of one node that took ten seconds, three to start."""
    begins = START + 20_000 * more.pop("depth", index)
    base = {
        "index": index,
        "nodes": [f"node_{index}"],
        "parents": list(parents),
        "status": "SUCCEEDED",
        "attempt": 0,
        "job_id": f"job-{index}",
        "job_name": f"p--r--{index}-0",
        "submitted_at": begins + 500,
        "started_at": begins + 3500,
        "ended_at": begins + 13_500,
        "expected_ms": 9000,
        "exit_code": 0,
        "reason": None,
        "log_stream": f"kedro/default/{index}",
        "resources": {"vcpus": 1, "memory": 2048},
        "job_definition": "kedro_run",
        "job_queue": "queue",
    }
    return {**base, **more}


#: A group that never had a job.
NEVER: dict[str, Any] = {
    "submitted_at": None,
    "started_at": None,
    "ended_at": None,
    "exit_code": None,
    "log_stream": None,
    "job_id": None,
}


def run(groups: list[dict[str, Any]], **more: Any) -> RunState:
    """Return the state of a run of these groups."""
    counts: dict[str, int] = {}
    for each in groups:
        counts[each["status"]] = counts.get(each["status"], 0) + 1
    ends = [each["ended_at"] for each in groups if each["ended_at"]]
    answer = {
        "run_id": "2026-11-22T13.11.00.000Z",
        "project": "spaceflights",
        "environment": "aws_batch",
        "pipelines": ["__default__"],
        "status": "SUCCEEDED",
        "reason": None,
        "settled": True,
        "groups_total": len(groups),
        "nodes_total": sum(len(each["nodes"]) for each in groups),
        "counts": counts,
        "created_at": START,
        "ended_at": max(ends, default=None),
        "now": START + 3_600_000,
        "on_failure": "abort",
        "max_workers": None,
        "graph_digest": "sha256:0123",
        "request": {},
        "groups": groups,
    }
    return read_state({**answer, **more})


def succeeded() -> RunState:
    """A diamond: 0 before 1 and 2, both before 3; 2 took longer."""
    groups = [
        group(0, nodes=["ingest.companies"]),
        group(1, 0, depth=1, nodes=["features.scale"], resources={"vcpus": 4, "memory": 8192}),
        group(
            2,
            0,
            depth=1,
            nodes=["features.encode", "features.join"],
            ended_at=START + 70_000,
            attempt=1,
            log_streams=["one", "two"],
        ),
        group(3, 1, 2, depth=4, nodes=["train"], resources={}),
    ]
    request = {"tags": ["nightly"], "params": {"model": {"rate": 0.1}}}
    return run(groups, request=request, description="nightly", pipelines=["__default__", "reporting"])


def idle() -> RunState:
    """A run that had nothing to do, since it reuses all."""
    made = {"2026-11-21T09.00.00.000Z": 14, "2026-11-20T09.00.00.000Z": 2}
    resumed = {"from": None, "runs": made, "seconds": 24.8, "reused_total": 16, "again": {}, "again_total": 0}
    nodes = [f"node_{number}" for number in range(16)]
    told = [reused(name, min(made) if number > 13 else max(made)) for number, name in enumerate(nodes)]
    return run([], resumed={**resumed, "reused": nodes}, reused_nodes=told, ended_at=START + 100)


def reused(node: str, run_id: str, seconds: float | None = 1.5) -> dict[str, Any]:
    """A node that a run of a day before made, if it is known in how many seconds."""
    began, ended = (None, None) if seconds is None else (START - 86_400_000, START - 86_400_000 + int(seconds * 1000))
    return {"node": node, "run_id": run_id, "started_at": began, "ended_at": ended}


def failed() -> RunState:
    """A run whose third job failed, with malicious texts."""
    groups = [
        group(0, nodes=["ingest.companies"]),
        group(1, 0, nodes=["ingest.shuttles"], reason=None),
        group(
            2,
            0,
            depth=1,
            nodes=[f"{SCRIPT}.train"],
            status="FAILED",
            exit_code=137,
            reason=f"OutOfMemoryError: {IMAGE} container killed due to memory usage",
        ),
        group(
            3,
            1,
            depth=2,
            nodes=["evaluate"],
            status="CANCELLED",
            ended_at=START + 50_000,
            exit_code=143,
            reason="The run was aborted",
        ),
        group(
            4,
            2,
            nodes=[f"{IMAGE}.refused"],
            status="FAILED",
            **NEVER | {"ended_at": START + 45_000},
            reason="Batch refused it",
        ),
        group(5, 2, 3, nodes=["report"], status="SKIPPED", **NEVER),
    ]
    return run(
        groups,
        status="FAILED",
        reason=f"'{SCRIPT}.train' failed: OutOfMemoryError {IMAGE}",
        description=SCRIPT,
        project=SCRIPT,
        pipelines=[IMAGE],
        request={"params": {SCRIPT: IMAGE}, "namespaces": [SCRIPT]},
        ended_at=START + 50_000,
    )


def going_on() -> RunState:
    """A run with one running job, one starting, one that waits for a place and one that waits for its parents."""
    groups = [
        group(0),
        group(1, 0, status="RUNNING", ended_at=None, exit_code=None, expected_ms=60_000),
        group(2, 0, depth=1, status="SUBMITTED", started_at=None, ended_at=None, exit_code=None, log_stream=None),
        group(3, 0, status="WAITING", **NEVER),
        group(4, 1, status="WAITING", **NEVER),
    ]
    return run(groups, status="RUNNING", ended_at=None, settled=False, now=START + 40_000, max_workers=2)


def large(size: int = 800, seed: int = 7) -> RunState:
    """A graph like those of large projects: many layers, one wide, some joins of fifty parents."""
    rng = random.Random(seed)
    ends: list[int] = []
    groups = []
    for index in range(size):
        wide = index % 97 == 96
        parents = (
            rng.sample(range(index), min(index, 54 if wide else rng.choice([0, 1, 1, 2, 2, 3]))) if index > 20 else []
        )
        ready = max((ends[parent] for parent in parents), default=START)
        submitted = ready + rng.randrange(100, 2000)
        started = submitted + rng.randrange(1000, 40_000)
        ended = started + int(rng.lognormvariate(10.5, 1.1))
        ends.append(ended)
        name = f"{rng.choice(['ingest', 'clean.tables', 'features', 'train.models'])}.step_of_the_pipeline_{index}"
        resources = {"vcpus": rng.choice([1, 2, 4]), "memory": rng.choice([2048, 4096, 16384])}
        times = {"submitted_at": submitted, "started_at": started, "ended_at": ended}
        groups.append(group(index, *parents, nodes=[name], resources=resources, **times))
    return run(groups)
