from __future__ import annotations

from dag.document import Resources
from dag.plan import AtWork
from dag.spared import MadeBy, Spared, spared

JOBS: dict[MadeBy, list[Resources]] = {
    MadeBy("r", AtWork(0, 90_000)): [{"vcpus": 1, "memory": 2000}],
    MadeBy("r", AtWork(0, 10_000)): [{"vcpus": 1, "memory": 1000}, {"memory": 2000, "gpus": 0}],
    MadeBy("s", AtWork(0, 10_000)): [{"vcpus": 1, "memory": 2000, "job_queue": "other"}],
}


def test_jobs_count_by_what_their_nodes_ask_for_together_each_for_a_minute_at_least() -> None:
    assert spared(JOBS, "q", carrying=False) == (
        Spared(job_queue="q", vcpus=1, memory=2000, gpus=0, seconds=100.0, with_minimum=150.0),
        Spared(job_queue="other", vcpus=1, memory=2000, gpus=0, seconds=10.0, with_minimum=60.0),
    )


def test_containers_that_carry_on_are_not_billed_for_each_node_apart() -> None:
    assert [one.with_minimum for one in spared(JOBS, "q", carrying=True)] == [100.0, 10.0]
