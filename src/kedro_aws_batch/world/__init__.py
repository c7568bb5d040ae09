"""The world of a run: what a Kedro run in one process resolves once, as each of the run's processes is to see it.

`settled(run_id)` is the door for whatever opens a project's configuration, `settle(run_id)` that for a process which
runs nodes as well. Both need the run's id and nothing else, so that all jobs of a run settle on the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kedro_aws_batch.moment import Moment

from .clock import clock_stands_at
from .offered import offering
from .versions import load_as_of, save_as

#: What stays as it was settled until the process ends.
_for_good = ExitStack()


@contextmanager
def settled(run_id: str | None) -> Iterator[None]:
    """Let configuration resolved meanwhile be that of a run, if of any: its clock, and what is offered to it."""
    if run_id is None:
        yield
        return
    moment = Moment(run_id)
    with offering(moment), clock_stands_at(moment):
        yield


def join_run(run_id: str) -> None:
    """Let this process be one of a run, until it ends: its configuration, what it saves, and what is newest to it."""
    _for_good.enter_context(settled(run_id))
    save_as(run_id)
    load_as_of(run_id)
