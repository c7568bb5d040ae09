"""How many containers a local run has in flight."""

from __future__ import annotations

import os
from typing import Any

import pytest

from kedro_aws_batch.launch.machine import vcpus_here, workers_here


def made(*vcpus: float | None, **run: Any) -> dict[str, Any]:
    """Return the part of a document that counts: nodes that ask for so many vCPUs, and the project's settings."""
    nodes = [{"resources": {} if one is None else {"vcpus": one}} for one in vcpus]
    return {"nodes": nodes, "run": {"job_queue": "usual", "warm_containers": True, "max_workers": None, **run}}


def params(**settings: Any) -> dict[str, Any]:
    return {"params": {"aws_batch": settings}}


@pytest.mark.parametrize(
    ("document", "request_", "workers"),
    [
        (made(None, 1), {}, 4),
        (made(2, 2), {}, 4),  # of which two are at work
        (made(0.5, 2), {}, 8),
        (made(16), {}, 16),  # the local queue has as many vCPUs as the largest job asks for
        (made(1), params(resources={"default": {"vcpus": 0.25}}), 16),
        (made(1, warm_containers=False), {}, None),
        (made(1), params(warm_containers=False), None),
        (made(1, warm_containers=False), params(warm_containers=True), 4),
        (made(1, max_workers=9), {}, None),
        (made(1), {"max_workers": 9}, None),
        (made(1), params(max_workers=9), None),
    ],
)
def test_no_more_containers_that_carry_on_are_in_flight_than_can_be_at_work(
    monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], request_: dict[str, Any], workers: int | None
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert workers_here(document, request_) == workers


def test_each_queue_has_containers_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    document = made(1, 1, 1)
    for node, queue in zip(document["nodes"][1:], ["other", "usual"], strict=True):
        node["resources"]["job_queue"] = queue
    assert workers_here(document, {}) == 8
    assert workers_here(document, params(resources={"nodes": {"one": {"job_queue": "third"}}})) == 12


def test_jobs_share_the_vcpus_of_this_machine_or_those_of_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert [vcpus_here(made(each), {}) for each in (1, 4.5)] == [4, 5]
