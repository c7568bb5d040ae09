"""Shows a scripted run of 800 groups as `status --watch` does. `python scripted_run.py`."""

from __future__ import annotations

from dataclasses import replace

from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.launch.follow import Pace, follow
from kedro_aws_batch.prices import Prices
from kedro_aws_batch.show.display import Display, stdout_console

GROUPS = tuple(
    GroupState(
        index,
        (f"space_{index % 7}.a_node_of_a_rather_long_name_{index}",),
        "WAITING",
        parents=(index - 40,) if index >= 40 else (),
        expected_ms=30_000,
        resources={"vcpus": 1, "memory": 2048},
    )
    for index in range(800)
)


class Script:
    """Forty more groups have ended at each request, and one request gets no answer."""

    asked = -1

    def describe_run(self, run_id: str) -> RunState:
        self.asked += 1
        if self.asked == 5:
            raise ServiceError("no network")
        done, now = 40 * self.asked, 30_000 * self.asked
        groups = tuple(self._moved(group, done, now) for group in GROUPS)
        ended = done >= len(groups)
        state = RunState(run_id, "RUNNING", 800, 800, groups, project="a_project", created_at=0, now=now)
        return replace(state, status="SUCCEEDED", settled=True, ended_at=now) if ended else state

    @staticmethod
    def _moved(group: GroupState, done: int, now: int) -> GroupState:
        if group.index < done:
            return replace(group, status="SUCCEEDED", submitted_at=0, started_at=0, ended_at=30_000)
        return replace(group, status="RUNNING", submitted_at=now, started_at=now) if group.index < done + 40 else group


if __name__ == "__main__":
    display = Display(stdout_console(), Prices())
    with display.live():
        follow(Script(), "2026-11-22T13.11.00.000Z", display, Pace(0.05))
    print("after it")
