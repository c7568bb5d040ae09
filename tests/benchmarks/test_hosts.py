"""The benchmarks' containers start, are launched, billed and refused like AWS's."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.aws.batch import TimedBatch, Work
from benchmarks.aws.containers import Containers
from benchmarks.aws.deployment import Deployment
from benchmarks.aws.hosts import Hosts
from benchmarks.aws.time import Timeline
from benchmarks.measure import measure
from tests.simulation.graphs import chain


def test_fargate_launches_a_hundred_at_once_then_twenty_a_second() -> None:
    hosts = Hosts(fargate=True)
    launched = [hosts.launch(1000.0) - 1000 for _ in range(140)]
    assert launched[:100] == [0.0] * 100
    assert launched[100:] == pytest.approx([50.0 * number for number in range(1, 41)])
    # After a burst, twenty launches come back each second; after five seconds all hundred are back.
    assert sum(hosts.launch(4000.0) == 4000 for _ in range(30)) == 20
    assert sum(hosts.launch(20_000.0) == 20_000 for _ in range(120)) == 100


def test_a_link_of_a_chain_takes_its_start_more_and_is_billed_from_its_launch() -> None:
    hosts = Hosts(90_000, fargate=True)
    slow = measure(chain(3), [20.0] * 3, Deployment.deployed(), hosts)
    assert 3 * (90 + 20) < slow.makespan < 3 * (90 + 20) + 5
    assert hosts.billed_seconds == pytest.approx(3 * 110, abs=0.01)


@pytest.mark.parametrize(("fargate", "billed"), [(True, 120.0), (False, 40.0)])
def test_a_short_job_is_billed_a_minute_on_fargate(fargate: bool, billed: float) -> None:
    hosts = Hosts(fargate=fargate)
    measure(chain(2), [20.0] * 2, Deployment.deployed(), hosts)
    assert hosts.billed_seconds == pytest.approx(billed, abs=0.01)


@pytest.mark.parametrize(("filler", "status"), [(7000, "SUCCEEDED"), (8000, "FAILED")])
def test_a_job_is_accepted_and_fails_whose_overrides_ecs_would_not_take(filler: int, status: str) -> None:
    ended: list[Work] = []
    timeline = Timeline(0)
    containers = Containers(timeline, lambda *_: None, lambda _: 1000.0)
    batch = TimedBatch(timeline, lambda _: None, containers, ended.append)
    told = '{"groups": [{"nodes": ["n0"]}], "run_id": "' + "x" * filler + '"}'
    request: dict[str, Any] = {
        "jobName": "job",
        "jobQueue": "queue",
        "jobDefinition": "definition",
        "retryStrategy": {"attempts": 1},
        "tags": {},
        "containerOverrides": {"command": ["run"], "environment": [{"name": "KEDRO_AWS_BATCH_JOB", "value": told}]},
    }

    def submit() -> None:
        batch.submit_job(**request)

    timeline.spawn(submit)
    timeline.go(lambda: bool(ended))
    detail = ended[0].detail(timeline.now)
    assert detail["status"] == status
    assert (detail["statusReason"] == "Container Overrides length must be at most 8192") == (status == "FAILED")
    assert ("startedAt" in detail) == (status == "SUCCEEDED")
