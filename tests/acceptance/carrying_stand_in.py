"""Stands in for Kedro alone: the real `kedro_aws_batch.job`, whose nodes leave traces, and die as `lives.json` says.

`test_warm_chaos` puts it as `kedro_aws_batch/job.py` where the jobs run, in front of the installed package. So worker,
child, questions and exit codes are the product's; only the function that opens the project is replaced.

`lives.json`, beside the file of `STAND_IN_TRACES`, has each node's parents and the ways to die. The run's parameters
have a seed and how often each node dies. A node's output tells its whole ancestry, so that a node that ran too early,
or on less than all its inputs, is noticed.
"""

import hashlib
import importlib.util
import json
import os
import random
import signal
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kedro_aws_batch

TRACES = Path(os.environ["STAND_IN_TRACES"])
CONTAINER = os.environ["AWS_BATCH_JOB_ID"], int(os.environ["AWS_BATCH_JOB_ATTEMPT"])
#: A library that a container's later groups share, so that they are forked from another process than the first.
SHARED = "threadpoolctl"
LIVES = json.loads((TRACES.parent / "lives.json").read_text(encoding="utf-8"))


def trace(what: str, run_id: str, node: str, **more: Any) -> None:
    """Append a line, whole even when others append at the same time."""
    line = {"what": what, "run_id": run_id, "node": node, "pid": os.getpid(), "worker": os.getppid()}
    line |= {"job_id": CONTAINER[0], "try": CONTAINER[1]}
    file = os.open(TRACES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, json.dumps({**line, "at": time.time(), **more}).encode() + b"\n")
    os.close(file)


def traces_of(what: str, run_id: str) -> "list[dict[str, Any]]":
    """Return a run's traces of one kind."""
    lines = map(json.loads, TRACES.read_text(encoding="utf-8").splitlines()) if TRACES.exists() else ()
    return [line for line in lines if (line["what"], line["run_id"]) == (what, run_id)]


def die(way: str) -> None:
    """End this process, its worker or both, or wait for the host to be taken away."""
    endings: dict[str, Callable[[], object]] = {
        "child killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "child terminated": lambda: os.kill(os.getpid(), signal.SIGTERM),
        "worker killed": lambda: os.kill(os.getppid(), signal.SIGKILL),
        "worker terminated": lambda: os.kill(os.getppid(), signal.SIGTERM),
        "exit 3": lambda: os._exit(3),
        "exit 137": lambda: os._exit(137),
        "exit 0": lambda: os._exit(0),
        "host taken": lambda: None,  # by the test, once it sees the trace
    }
    endings[way]()
    time.sleep(120)


def run(payload: Any, at: Any) -> None:
    """Run the nodes of a payload."""
    importlib.import_module(SHARED)
    for node in payload.nodes:
        at.node = node
        earlier = traces_of("begun", payload.run_id)
        place = sum(line["pid"] != os.getpid() and (line["job_id"], line["try"]) == CONTAINER for line in earlier)
        times = sum(line["node"] == node for line in earlier)
        trace("begun", payload.run_id, node, place=place)
        died = {line["place"] for line in traces_of("dies", payload.run_id)}
        way, is_late = mishap(payload.params["chaos"], node, times, place, is_due=place > 0 and place not in died)
        if way and not is_late:
            trace("dies", payload.run_id, node, way=way, place=place)
            die(way)
        save(payload.run_id, node)
        time.sleep(payload.params["chaos"].get("seconds", 0.05))
        if way:
            trace("dies", payload.run_id, node, way=way, place=place)
            die(way)
        trace("done", payload.run_id, node)


def mishap(chaos: "dict[str, Any]", node: str, times: int, place: int, *, is_due: bool) -> "tuple[str | None, bool]":
    """Return how a node dies in its so-and-so-many-eth try, and whether it has saved its output by then.

    It is due where no container of the run has died yet with its second group, its third and so on.
    """
    rng = random.Random(f"{chaos['seed']} {node} {times}")
    if node == chaos.get("doomed"):
        return ("exit 3" if node in LIVES["once"] else "exit 137"), False
    if times >= chaos["most"] or (rng.random() >= chaos["rate"] and not is_due):
        return None, False
    ways = LIVES["ways"] if node not in LIVES["once"] else LIVES["carried"] if place else LIVES["faultless"]
    return rng.choice(ways), rng.random() < 0.5


def save(run_id: str, node: str) -> None:
    """Write a node's output: a digest of its name and its parents' outputs."""
    folder = TRACES.parent / "outputs" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    inputs = [(folder / parent).read_text(encoding="utf-8") for parent in LIVES["parents"][node]]
    part = folder / f"{node}.{os.getpid()}"
    part.write_text(hashlib.sha256(" ".join([node, *inputs]).encode()).hexdigest(), encoding="utf-8")
    part.replace(folder / node)


def real_job() -> Any:
    """Return the installed `kedro_aws_batch.job`, without Kedro."""
    sys.modules["kedro_aws_batch.container.session"] = types.ModuleType("kedro_aws_batch.container.session")
    file = Path(list(kedro_aws_batch.__path__)[1]) / "job.py"
    spec = importlib.util.spec_from_file_location("kedro_aws_batch.real_job", file)
    assert spec is not None
    assert spec.loader is not None
    job = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(job)
    return job


if __name__ == "__main__":
    real = real_job()
    real._run = run
    sys.exit(real.main())
