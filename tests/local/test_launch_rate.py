"""The embedded AWS starts Fargate's tasks at the rate of the table, and those of EC2 at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch._service.dag import limits
from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings

from .support import submit, wait_for

if TYPE_CHECKING:
    from pathlib import Path


def test_tasks_of_fargate_beyond_the_burst_start_so_many_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FARGATE_BURST", replace(limits.FARGATE_BURST, most=2))
    monkeypatch.setattr(limits, "FARGATE_LAUNCHES_A_SECOND", replace(limits.FARGATE_LAUNCHES_A_SECOND, most=2))
    on_fargate = JobDefinitionSettings(vcpus=1, memory=2048, platform="FARGATE")
    with EmbeddedAws(jobs_cwd=tmp_path, max_vcpus=8, job_definitions={"on_fargate": on_fargate}) as aws:
        jobs = [submit(aws, ["true"], jobDefinition="on_fargate") for _ in range(5)]
        started = sorted(wait_for(aws, job)["startedAt"] for job in jobs)
        # Two at once, and one each half second; the other platform's jobs don't count.
        assert started[4] - started[0] > 1_300
        hosted = [submit(aws, ["true"]) for _ in range(5)]
        begun = sorted(wait_for(aws, job)["startedAt"] for job in hosted)
        assert begun[4] - begun[0] < 1_300
