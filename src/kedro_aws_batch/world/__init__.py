"""The world of a run: values that a Kedro run in one process resolves once, the same in each of the run's processes.

Code that opens a project's configuration calls `settled(run_id)`; a process that also runs nodes calls
`settle(run_id)`. Both need only the run's id, so all jobs of a run get the same world.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kedro_aws_batch.moment import Moment

from .clock import clock_stands_at
from .offered import offering
from .versions import load_as_of, save_as

#: Patches that last until the process ends.
_for_good = ExitStack()


@contextmanager
def settled(run_id: str | None) -> Iterator[None]:
    """Give configuration resolved in this context a run's clock and parameters, if there is a run."""
    if run_id is None:
        yield
        return
    moment = Moment(run_id)
    with offering(moment), clock_stands_at(moment):
        yield


def join_run(run_id: str) -> None:
    """Make this process one of a run until it ends: its configuration, its save version, and its newest versions."""
    _for_good.enter_context(settled(run_id))
    save_as(run_id)
    load_as_of(run_id)
