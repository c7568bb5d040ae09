"""Runs whose containers carry on, as describe_run answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .runs import NEVER, START, group, run

if TYPE_CHECKING:
    from kedro_aws_batch.client import RunState

SECOND = 1000
LARGE, SMALL = {"vcpus": 2, "memory": 4096}, {"vcpus": 1, "memory": 2048}


def at(second: int) -> int:
    """Return a moment of the run."""
    return START + second * SECOND


def container(began: int, ended: int | None, **more: Any) -> dict[str, Any]:
    """A container that ran from one second of the run to another."""
    base: dict[str, Any] = {
        "carried": False,
        "asked": True,
        "started_at": at(began),
        "ended_at": None if ended is None else at(ended),
        "batch_attempts": [],
        "waits_until": None,
        "resources": LARGE,
    }
    return {**base, **more}


def stay(index: int, *parents: int, job: str, times: tuple[int, int, int], told: dict[str, Any]) -> dict[str, Any]:
    """A group that was submitted, began and ended at these seconds, in a container."""
    submitted, began, ended = map(at, times)
    return group(
        index,
        *parents,
        job_id=job,
        submitted_at=submitted,
        started_at=began,
        ended_at=ended,
        container=told,
        shares_container=True,
        log_stream=f"log/{job}",
        log_streams=[f"log/{job}"],
        log_group="/aws/batch/job",
        resources=SMALL if told["carried"] else LARGE,
    )


def shared() -> RunState:
    """Two containers: one runs 0, 1 and 3, with a pause, the other one 2. Each takes 40 seconds to start.

    0 comes before 1 and 2, and these before 3.
    """
    first, later = container(41, 101), container(41, 101, carried=True)
    groups = [
        stay(0, job="a", times=(1, 45, 55), told=first),
        stay(1, 0, job="a", times=(55, 55, 65), told=later),
        {**stay(2, 0, job="b", times=(56, 100, 110), told=container(96, 111)), "shares_container": False},
        stay(3, 1, 2, job="a", times=(111, 111, 121), told=later),
    ]
    for each in groups:
        if each["job_id"] == "a":
            each["container"] = {**each["container"], "ended_at": at(121)}
    return run(groups, warm_containers=True)


def going_on() -> RunState:
    """One container between two groups: it waits for the next, which will be ready when 1 has ended."""
    waits = container(41, None, waits_until=at(70))
    groups = [
        stay(0, job="a", times=(1, 45, 55), told=waits),
        {
            **stay(1, job="b", times=(1, 45, 65), told=container(41, None, asked=False)),
            "status": "RUNNING",
            "ended_at": None,
        },
        {**group(2, 0, 1, status="WAITING", **NEVER), "container": None},
    ]
    return run(groups, status="RUNNING", ended_at=None, settled=False, now=at(60), warm_containers=True)
