"""A run as a table: what is on top matters most, and what is done folds away when there is too much to show."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kedro_aws_batch.wording import counted, lasting, one_line, plain

from .progress import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from kedro_aws_batch.client import GroupState, RunState, RunSummary

ORDER = ("RUNNING", "FAILED", "SUBMITTED", "WAITING", "CANCELLED", "SKIPPED", "SUCCEEDED")
#: Which states fold first: of those that are over, no job remains shown; of the others, as many as there is room for.
FOLDING = ("SUCCEEDED", "SKIPPED", "CANCELLED", "WAITING", "SUBMITTED", "RUNNING", "FAILED")
OVER = ("SUCCEEDED", "SKIPPED", "CANCELLED")
STYLES = {**COLOURS, "RUNNING": "cyan", "SUBMITTED": "blue", "WAITING": "dim"}


def run_table(state: RunState, room: int | None) -> RenderableType:
    """Return a run for a terminal, its jobs in at most so many lines; None for all of them."""
    parts: list[RenderableType] = [*_header(state), _jobs(state, room)]
    return Group(*parts)


def shown(groups: Sequence[GroupState], room: int | None) -> dict[str, int]:
    """Return of each state that there is, in order, how many jobs get a line; the rest of it shares one."""
    sizes = Counter(group.status for group in groups)
    lines = {status: sizes[status] for status in ORDER if sizes[status]}
    excess = 0 if room is None else len(groups) - room
    for status in FOLDING:
        if excess <= 0:
            break
        size = lines.get(status, 0)
        if size > 1:
            lines[status] = 0 if status in OVER else max(0, size - excess - 1)
            excess -= size - lines[status] - 1
    return lines


def _header(state: RunState) -> list[RenderableType]:
    title = Text.assemble(
        ("Run ", ""), (state.run_id, "bold"), " ", (state.status, f"bold {STYLES.get(state.status, 'red')}")
    )
    what = " · ".join(filter(None, (state.project, ", ".join(state.pipelines), state.environment, state.description)))
    done = sum(group.status in ("SUCCEEDED", "FAILED", "CANCELLED") for group in state.groups)
    bar = Table.grid(padding=(0, 1))
    took = lasting(state.seconds)
    size = f"{done}/{state.groups_total} jobs, {counted(state.nodes_total, 'node')}"
    bar.add_row(ProgressBar(total=state.groups_total or 1, completed=done, width=24), size, took)
    lines: list[RenderableType] = [title, Text(one_line(what), "dim", overflow="ellipsis", no_wrap=True), bar]
    if state.reason:
        lines.append(Text(plain(state.reason), "red" if state.status == "FAILED" else "yellow"))
    return lines


def _jobs(state: RunState, room: int | None) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False, header_style="dim")
    table.add_column("job", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("nodes", overflow="ellipsis", no_wrap=True, ratio=3)
    table.add_column("why", overflow="ellipsis", no_wrap=True, ratio=2)
    for status, lines in shown(state.groups, room).items():
        groups = [group for group in state.groups if group.status == status]
        for group in groups[:lines]:
            table.add_row(Text(status, STYLES.get(status, "")), *_cells(group, state.now))
        if len(groups) > lines:
            rest = groups[lines:]
            more = "more " if lines else ""
            table.add_row(
                Text(status, STYLES.get(status, "")), "", Text(f"{len(rest)} {more}{_namespaces(rest)}", "dim"), ""
            )
    return table


def _cells(group: GroupState, now: int | None) -> tuple[Text, Text, Text]:
    again = f" (attempt {group.attempt + 1})" if group.attempt else ""
    code = "" if group.exit_code in (None, 0) else f"exit code {group.exit_code}: "
    why = f"{code}{group.reason}" if group.reason and group.status != "SUCCEEDED" else ""
    return (
        Text(lasting(_seconds(group, now))),
        Text(one_line(", ".join(group.nodes)) + again),
        Text(one_line(why), "dim"),
    )


def _seconds(group: GroupState, now: int | None) -> float | None:
    if group.status == "RUNNING" and group.started_at is not None and now is not None:
        return max(0, now - group.started_at) / 1000
    return group.seconds


def _namespaces(groups: Sequence[GroupState]) -> str:
    """Return the commonest namespaces of what is folded, for orientation."""
    names = Counter(group.nodes[0].rpartition(".")[0] for group in groups)
    most = [f"{one_line(name)} {number}" for name, number in names.most_common(3) if name]
    return f"jobs ({', '.join(most)}{', …' if len(names) > len(most) else ''})" if most else "jobs"


def plain_lines(state: RunState) -> list[str]:
    """Return a run for a file or a pipe: a line for the run and one for each job, all of them."""
    counts = Counter(group.status for group in state.groups)
    parts = [f"{counts[status]} {status.lower()}" for status in reversed(ORDER) if counts[status]]
    size = f"{counted(state.nodes_total, 'node')} in {counted(state.groups_total, 'job')}"
    lines = [f"Run {state.run_id} {state.status}: {size}, {', '.join(parts)}. {lasting(state.seconds)}".rstrip()]
    if state.reason:
        lines.append(plain(state.reason))
    for group in sorted(state.groups, key=lambda group: (ORDER.index(group.status), group.index)):
        took, nodes, why = (cell.plain for cell in _cells(group, state.now))
        lines.append(f"{group.status:<9} {took:>11}  {nodes}  {why}".rstrip())
    return lines


def runs_table(runs: Sequence[RunSummary]) -> Table:
    """Return runs as a table."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False, header_style="dim")
    for name in ("run", "status", "took", "jobs"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("took", "jobs") else "left")
    table.add_column("what", overflow="ellipsis", no_wrap=True)
    for run in runs:
        seconds = None if not run.ended_at or not run.created_at else (run.ended_at - run.created_at) / 1000
        what = " · ".join(filter(None, (", ".join(run.pipelines), run.description, run.reason)))
        status = Text(run.status, STYLES.get(run.status, ""))
        table.add_row(run.run_id, status, lasting(seconds), str(run.groups_total), Text(one_line(what)))
    return table
