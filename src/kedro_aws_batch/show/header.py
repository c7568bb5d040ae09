"""The lines above a run's jobs: what it is, its progress, time left, cost, and what holds it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kedro_aws_batch._service.dag.status import ENDED
from kedro_aws_batch.containers import containers_of
from kedro_aws_batch.estimate import words_left
from kedro_aws_batch.saved import saved, why_none_carried_on
from kedro_aws_batch.sizing import noun
from kedro_aws_batch.wording import counted, lasting, one_line, plain

from .colours import COLOURS
from .columns import MEDIUM
from .reused import told_reused, why_nothing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.prices import Prices

#: What is said of a run without jobs.
NOTHING = "nothing to do"


def header(state: RunState, prices: Prices | None, width: int) -> list[RenderableType]:
    """Return the lines above the jobs."""
    title = Text.assemble(
        ("Run ", ""), (state.run_id, "bold"), " ", (state.status, f"bold {COLOURS.get(state.status, 'red')}")
    )
    what = " · ".join(filter(None, (state.project, ", ".join(state.pipelines), state.environment, state.description)))
    about = [Text(one_line(what), "dim", overflow="ellipsis", no_wrap=True)] if what else []
    progress = _progress(state, width) if state.groups_total else Text(f"{NOTHING.capitalize()}.")
    lines: list[RenderableType] = [title, *about, progress]
    lines.append(Text(" · ".join(figures(state, prices))))
    if told := reusing(state, prices):
        lines.append(Text(told))
    if state.reason:
        lines.append(Text(plain(state.reason), "red" if state.status == "FAILED" else "yellow"))
    lines += [Text(text, "yellow") for text in stuck(state)]
    if told := carrying_on(state, prices):
        lines.append(Text(told, "dim"))
    return lines


def _progress(state: RunState, width: int) -> RenderableType:
    """Return the bar, and how much of the run is done."""
    done = sum(group.status in ENDED for group in state.groups)
    bar = Table.grid(padding=(0, 1))
    size = f"{done:,}/{state.groups_total:,} {noun(state)}s"
    if width >= MEDIUM and noun(state) != "node":
        size += f", {counted(state.nodes_total, 'node')}"
    long = max(8, min(40, width - len(size) - 2))
    colour = COLOURS.get(state.status, "cyan")
    progress = ProgressBar(
        total=state.groups_total, completed=done, width=long, complete_style=colour, finished_style=colour
    )
    bar.add_row(progress, size)
    return bar


def reusing(state: RunState, prices: Prices | None) -> str:
    """Return what the run reuses of earlier ones, or why nothing though it was to."""
    if told := told_reused(state.resumed, prices):
        return f"Reuses {told}."
    why = why_nothing(state.resumed)
    return f"Reuses nothing: {plain(why)}." if why else ""


def carrying_on(state: RunState, prices: Prices | None) -> str:
    """Return what it saved that the containers of an ended run carried on, or why none did though they may."""
    return (saved(state, prices) or why_none_carried_on(state)) if state.ended else waiting(state)


def waiting(state: RunState) -> str:
    """Return how many ready nodes and containers of a run in progress wait for each other."""
    now = state.now or 0
    held = sum((group.held_until or 0) > now for group in state.groups)
    idle = sum((one.waits_until or 0) > now for one in containers_of(state)) if state.warm_containers else 0
    parts = [f"Waiting for a container that is soon free: {counted(held, f'ready {noun(state)}')}."] if held else []
    parts += [f"Waiting for a node that is soon ready: {counted(idle, 'container')}."] if idle else []
    return " ".join(parts)


def figures(state: RunState, prices: Prices | None) -> list[str]:
    """Return how long a run has taken, the time left, and its cost."""
    took = lasting(state.seconds)
    found = [f"took {took}" if state.ended else f"running for {took}"] if took else []
    found += [words_left(state)]
    if prices is not None:
        spent = prices.spent(state)
        found.append(f"cost {spent.words}" + (" so far" if spent.known and not state.ended else ""))
    return [figure for figure in found if figure]


def stuck(state: RunState) -> list[str]:
    """Return why jobs can't start, since when, and what to do about it."""
    return [
        plain(
            f"{', '.join(one.get('nodes', ()))} asks for {one.get('asks_for') or 'what its definition says'} and waits "
            f"at the head of {one.get('job_queue') or 'its queue'}{_since(one.get('since'), state.now)}: "
            f"{one.get('reason', '')} {one.get('remedy', '')}"
        )
        for one in state.blocked
    ]


def _since(at: int | None, now: int | None) -> str:
    return "" if at is None or now is None else f", since {lasting(max(0, now - at) / 1000)}"
