"""A run's records, page by page."""

from __future__ import annotations

import pytest

from dag.shards import Mark
from runs.reading import read_jobs
from tests.runs.stage import Stage
from tests.simulation.graphs import document


@pytest.mark.parametrize("array_jobs", [False, True])
def test_of_jobs_those_are_read_that_are_asked_for(array_jobs: bool) -> None:
    stage = Stage(document([[], [], [], []], array_jobs=array_jobs))
    stage.start()
    plan = stage.dispatcher.plan(stage.run_id)
    found = read_jobs(stage.table, plan, [Mark(0), Mark(2)])
    assert {job.mark: job.job_id for job in found} == {Mark(group): stage.job(group).job_id for group in (0, 2)}
    assert len(found) == 2
