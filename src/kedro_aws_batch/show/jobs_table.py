"""A run as a table: what matters most comes first, and finished jobs fold when there are too many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group

from kedro_aws_batch.containers import container_numbers
from kedro_aws_batch.sizing import noun, size
from kedro_aws_batch.wording import counted, lasting, one_line, roughly

from .colours import COLOURS
from .columns import NARROW, Column, piped, table_of
from .header import NOTHING, carrying_on, figures, header, reusing, stuck
from .slices import TELLING, first_failed, lasted, split_nodes, status_of, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.prices import Prices

ORDER = ("RUNNING", "FAILED", "SUBMITTED", "WAITING", "CANCELLED", "SKIPPED", "SUCCEEDED")
#: States in the order in which they fold: ended ones fold wholly; the others keep as many lines as there is room for.
FOLDING = TELLING[::-1]
OVER = ("SUCCEEDED", "SKIPPED", "CANCELLED")
#: The meaning of Batch's words for a job that has not begun.
STARTING = {
    "SUBMITTED": "Batch has it",
    "PENDING": "Batch has it",
    "RUNNABLE": "RUNNABLE: waits for a machine",
    "STARTING": "STARTING: gets its machine and image",
}


#: Why a ready job isn't submitted.
HELD = "ready: left to a container that is soon free"


@dataclass(frozen=True)
class JobRow:
    """A line of the table: one job, or several that share it."""

    status: str
    job: GroupState | None = None
    #: The current time, in milliseconds.
    now: int | None = None
    folded: str = ""
    #: The slices of a split node, which share the line.
    slices: Sequence[GroupState] = ()
    #: The number of its container, where containers carry on.
    container: int | None = None


def _took(row: JobRow) -> str:
    """Return how long a job has run, of about how long it usually does, or has waited to start."""
    job, now = row.job, row.now
    if job is None:
        return lasting(lasted(row.slices, now))
    if job.status == "SUBMITTED" and job.submitted_at is not None and now is not None:
        return lasting(max(0, now - job.submitted_at) / 1000)
    took = lasting(job.seconds_until(now))
    if job.status == "RUNNING" and job.expected_ms and took:
        return f"{took} of ~{roughly(job.expected_ms / 1000)}"
    return took


def _nodes(row: JobRow) -> str:
    if row.job is None:
        return row.folded
    again = f" (attempt {row.job.attempt + 1})" if row.job.attempt else ""
    return one_line(", ".join(row.job.labels)) + again


def _why(row: JobRow) -> str:
    job = row.job or first_failed(row.slices)
    if job is None:
        return ""
    if job.status == "SUBMITTED" and job.job_status in STARTING:
        return STARTING[job.job_status]
    if job.held_until is not None:
        return HELD
    if job.status == "SUCCEEDED" or not job.why:
        return one_line(job.again)
    which = f"slice {job.slice['number']}: " if row.slices and job.slice and job.why else ""
    return one_line(f"{which}{job.why}")


def _why_style(row: JobRow) -> str:
    """Return the style of a reason: a link if it has a log, for terminals with links."""
    return f"dim link {row.job.log_url}" if row.job is not None and row.job.log_url else "dim"


def _container(row: JobRow) -> str:
    return "" if row.container is None else f"container {row.container}"


#: The columns for each job. Narrow terminals get no reasons: the first failure stands above the table.
COLUMNS: tuple[Column[JobRow], ...] = (
    Column("job", lambda row: row.status, style=lambda row: COLOURS.get(row.status, ""), piped=9),
    Column("took", _took, justify="right", piped=10),
    Column("nodes", _nodes, style=lambda row: "" if row.job or row.slices else "dim", share=3),
    Column("in", _container, style=lambda _: "dim", least=NARROW, optional=True),
    Column("why", _why, style=_why_style, least=NARROW, optional=True, share=2),
)


def jobs_table(state: RunState, room: int | None, prices: Prices | None = None) -> RenderableType:
    """Return a run for a terminal, in at most `room` lines if possible; None means a line for each job."""
    return _Whole(state, room, prices)


@dataclass(frozen=True)
class _Whole:
    """A run, laid out when the width is known."""

    state: RunState
    room: int | None
    prices: Prices | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        above = Group(*header(self.state, self.prices, options.max_width))
        yield above
        if not self.state.groups:
            return
        left = None if self.room is None else max(3, self.room - len(console.render_lines(above, options)) - 1)
        yield table_of(COLUMNS, list(_rows(self.state, left)), options.max_width)


def plain_lines(state: RunState, prices: Prices | None = None) -> list[str]:
    """Return a run for a file or a pipe: a line for the run and one for each job."""
    counts = Counter(group.status for group in state.groups)
    parts = [f"{counts[status]} {status.lower()}" for status in reversed(ORDER) if counts[status]]
    ran = f"{size(state)}, {', '.join(parts)}" if parts else NOTHING
    jobs = sorted(state.groups, key=lambda group: (ORDER.index(group.status), group.index))
    within = container_numbers(state)
    lines = [
        f"Run {state.run_id} {state.status}: {ran}.",
        "; ".join(figures(state, prices)),
        reusing(state, prices),
        *([one_line(state.reason)] if state.reason else []),
        *map(one_line, stuck(state)),
        carrying_on(state, prices),
        *(
            piped(COLUMNS, JobRow(status=job.status, job=job, now=state.now, container=within.get(job.index)))
            for job in jobs
        ),
    ]
    return [line for line in lines if line]


def lines_shown(groups: Sequence[GroupState], room: int | None) -> dict[str, int]:
    """Return for each state, in order, how many jobs get a line of their own; the rest share some."""
    sizes = Counter(group.status for group in groups)
    lines = {status: sizes[status] for status in ORDER if sizes[status]}
    excess = 0 if room is None else len(groups) - room
    for status in FOLDING:
        if excess <= 0:
            break
        size = lines.get(status, 0)
        if size > 1:
            lines[status] = 0 if _whole(groups, status) else max(0, size - excess - 1)
            excess -= size - lines[status] - 1
    return lines


def _whole(groups: Sequence[GroupState], status: str) -> bool:
    """Whether these jobs fold wholly if not all fit: for waiting ones, their namespaces say more."""
    if status == "WAITING":
        return len({_namespace(group) for group in groups if group.status == status}) > 1
    return status in OVER


def _rows(state: RunState, room: int | None) -> Iterator[JobRow]:
    """Yield each line. A split node has one, among those of its status."""
    alone, split = split_nodes(state.groups)
    lines = [
        JobRow(status=status_of(slices), job=None, now=state.now, folded=told(slices), slices=slices)
        for slices in split
    ]
    lines += _lines(state, alone, None if room is None else max(1, room - len(split)))
    yield from sorted(lines, key=lambda row: ORDER.index(row.status))


def _lines(state: RunState, groups: Sequence[GroupState], room: int | None) -> Iterator[JobRow]:
    """Yield each line of jobs that are not slices."""
    lines, within = lines_shown(groups, room), container_numbers(state)
    by_status = {status: [group for group in groups if group.status == status] for status in lines}
    folded = [status for status, number in lines.items() if number < len(by_status[status])]
    spare = 0 if room is None else max(0, room - sum(lines.values()) - len(folded))
    for status, number in lines.items():
        for group in by_status[status][:number]:
            yield JobRow(status=status, job=group, now=state.now, container=within.get(group.index))
        if status in folded:
            mine = spare // len(folded)
            spare, folded = spare - mine, folded[1:]
            word = f"{'more ' if number else ''}{noun(state)}s"
            for text in _folded(by_status[status][number:], 1 + mine, word):
                yield JobRow(status, folded=text)


def _folded(groups: Sequence[GroupState], lines: int, word: str) -> list[str]:
    """Return the texts of so many folded lines: the commonest namespaces, each in its own line if there is room."""
    names = Counter(_namespace(group) for group in groups)
    if len(names) < 2 or lines < min(3, len(names)):
        most = [f"{name} {number:,}" for name, number in names.most_common(3) if name]
        rest = ", …" if len(names) > len(most) else ""
        return [f"{len(groups):,} {word}" + (f" ({', '.join(most)}{rest})" if most else "")]
    own = names.most_common(lines if len(names) <= lines else lines - 1)
    found = [f"{number:,} {word} of {name}" if name else f"{number:,} {word} of no namespace" for name, number in own]
    others = len(groups) - sum(number for _, number in own)
    return found + ([f"{others:,} {word} of {counted(len(names) - len(own), 'other namespace')}"] if others else [])


def _namespace(group: GroupState) -> str:
    return one_line(group.nodes[0].rpartition(".")[0]) if group.nodes else ""
