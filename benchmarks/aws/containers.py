"""Containers in virtual time: each does its group, and one that carries on then asks for the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.aws import figures
from dag.jobs import read_job_name
from dag.payload import job_key, token
from dag.shards import Mark
from runs.advance import Dispatcher
from runs.asking import Answer, Question, next_group

if TYPE_CHECKING:
    from benchmarks.aws.time import Timeline

#: Invokes next_group with what it does; calls back with its result, or with None if it failed.
Invoke = Callable[[Callable[[Dispatcher], Any], Callable[[Any], None]], None]
#: How often a container asks, and its first pause, as `kedro_aws_batch.container.asking` has them.
_TRIES, _PAUSE_MS = 4, 2_000.0


@dataclass
class Containers:
    """All containers of a run."""

    timeline: Timeline
    invoke: Invoke
    lasts: Callable[[str], float]  #: ms of a node
    carry_on: bool = False
    can_ask: bool = True  #: whether their network and their role lead to the function
    own_ms: float = 0.0  #: of a group that is a container's first
    own_second_ms: float = 0.0  #: of its second
    own_warm_ms: float = 0.0  #: of any further one
    started: int = 0
    groups: int = 0
    busy_ms: float = 0.0  #: of nodes

    def live(self, name: str, job_id: str, index: int | None, nodes: Sequence[str]) -> None:
        """Run groups until there is none for this container; call it in a fiber."""
        self.started += 1
        place, own = 0, self.own_ms
        while True:
            began = self.timeline.now
            work = sum(map(self.lasts, nodes))
            self.timeline.pause(own + work)
            self.groups += 1
            self.busy_ms += work
            if not (self.carry_on and self.can_ask):
                return
            did, waited = (place, int(began), int(self.timeline.now)), 0
            while (told := self._ask(name, job_id, index, did, waited)).wait is not None:
                self.timeline.pause(told.wait)
                waited += told.wait
            if told.payload is None:
                return
            (group,) = told.payload["groups"]
            nodes, place = group["nodes"], told.place or 0
            own = self.own_second_ms if place == 1 else self.own_warm_ms

    def _ask(self, name: str, job_id: str, index: int | None, did: tuple[int, int, int], waited: int) -> Answer:
        job = read_job_name(name)
        assert job is not None
        first, is_array = Mark(job.group, job.attempt, job.array or 0), job.array is not None
        done, began, ended = did

        def act(dispatcher: Dispatcher) -> Answer:
            key = job_key(first, is_array=is_array)
            return next_group(
                dispatcher,
                Question(
                    run_id=job.run_id,
                    job=key,
                    token=token(dispatcher.plan(job.run_id), key),
                    index=index,
                    job_id=job_id,
                    epoch=1,
                    done=done,
                    began=began,
                    ended=ended,
                    waited=waited,
                ),
            )

        for tries in range(_TRIES):
            self.timeline.pause(figures.INVOKE_MS.value + (_PAUSE_MS * 2 ** (tries - 1) if tries else 0))
            answer: Answer | None = self.timeline.wait(lambda heard: self.invoke(act, heard))
            if answer is not None:
                return answer
        raise AssertionError(f"next_group failed {_TRIES} times")
