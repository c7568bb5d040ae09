"""A run as a table: what is on top matters most, and what is done folds away when there is too much to show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kedro_aws_batch.estimate import words_left
from kedro_aws_batch.wording import counted, lasting, one_line, plain, roughly

from .progress import COLOURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.prices import Prices

ORDER = ("RUNNING", "FAILED", "SUBMITTED", "WAITING", "CANCELLED", "SKIPPED", "SUCCEEDED")
#: Which states fold first: of those that are over, no job remains shown; of the others, as many as there is room for.
FOLDING = ("SUCCEEDED", "SKIPPED", "CANCELLED", "WAITING", "SUBMITTED", "RUNNING", "FAILED")
OVER = ("SUCCEEDED", "SKIPPED", "CANCELLED")
STYLES = {**COLOURS, "RUNNING": "cyan", "SUBMITTED": "blue", "WAITING": "dim"}


def run_table(state: RunState, room: int | None, prices: Prices | None = None) -> RenderableType:
    """Return a run for a terminal, in at most so many lines as far as that can be; None for a line for each job."""
    return _Whole(state, room, prices)


@dataclass(frozen=True)
class _Whole:
    """A run, laid out once the width is known."""

    state: RunState
    room: int | None
    prices: Prices | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        header = Group(*_header(self.state, self.prices, options.max_width))
        yield header
        if self.room is None:
            yield _jobs(self.state, None, options.max_width)
            return
        left = self.room - len(console.render_lines(header, options)) - 1
        yield _jobs(self.state, max(3, left), options.max_width)


def shown(groups: Sequence[GroupState], room: int | None) -> dict[str, int]:
    """Return of each state that there is, in order, how many jobs get a line; the rest of it shares some."""
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
    """Whether none of these jobs is shown where not all can be: of those to come, their namespaces say more."""
    if status == "WAITING":
        return len({_namespace(group) for group in groups if group.status == status}) > 1
    return status in OVER


def _header(state: RunState, prices: Prices | None, width: int) -> list[RenderableType]:
    title = Text.assemble(
        ("Run ", ""), (state.run_id, "bold"), " ", (state.status, f"bold {STYLES.get(state.status, 'red')}")
    )
    what = " · ".join(filter(None, (state.project, ", ".join(state.pipelines), state.environment, state.description)))
    done = sum(group.status in ("SUCCEEDED", "FAILED", "CANCELLED") for group in state.groups)
    bar = Table.grid(padding=(0, 1))
    size = f"{done:,}/{state.groups_total:,} jobs"
    if width >= MEDIUM:
        size += f", {counted(state.nodes_total, 'node')}"
    long = max(8, min(40, width - len(size) - 2))
    colour = STYLES.get(state.status, "cyan")
    progress = ProgressBar(
        total=state.groups_total or 1, completed=done, width=long, complete_style=colour, finished_style=colour
    )
    bar.add_row(progress, size)
    about = [Text(one_line(what), "dim", overflow="ellipsis", no_wrap=True)] if what else []
    lines: list[RenderableType] = [title, *about, bar]
    lines.append(Text(" · ".join(_figures(state, prices))))
    if state.reason:
        lines.append(Text(plain(state.reason), "red" if state.status == "FAILED" else "yellow"))
    lines += [Text(text, "yellow") for text in stuck(state)]
    return lines


def _figures(state: RunState, prices: Prices | None) -> list[str]:
    """Return how long a run has taken, how long it will go on, and what it has cost."""
    took = lasting(state.seconds)
    figures = [f"took {took}" if state.ended else f"running for {took}"] if took else []
    figures += [words_left(state)]
    if prices is not None:
        spent = prices.spent(state)
        figures.append(f"cost {spent.words}" + (" so far" if spent.known and not state.ended else ""))
    return [figure for figure in figures if figure]


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


#: Terminals narrower than this get no column of reasons: what failed first is said above the table.
NARROW = 72
#: Narrower than this, a list has runs and their states, and no more.
MEDIUM = 55


def _jobs(state: RunState, room: int | None, width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False, header_style="dim")
    rows = list(_rows(state, room))
    reasons = width >= NARROW and any(len(cells) > 2 and cells[2].plain for _, cells in rows)
    first = max((len(status) for status, _ in rows), default=0)
    took, nodes, why = (_widest(rows, number, head) for number, head in enumerate(("took", "nodes", "why")))
    table.add_column("job", no_wrap=True, min_width=first)
    table.add_column("took", justify="right", no_wrap=True, min_width=took)
    # Too wide a table loses whole columns: these two may have what the others leave, and no more.
    left = max(1, width - max(first, 3) - took - 4)
    nodes, why = _shared(left, nodes, why) if reasons else (left, 0)
    table.add_column("nodes", overflow="ellipsis", no_wrap=True, max_width=nodes)
    if reasons:
        table.add_column("why", overflow="ellipsis", no_wrap=True, max_width=why)
    for status, cells in rows:
        table.add_row(Text(status, STYLES.get(status, "")), *(cells if reasons else cells[:2]))
    return table


def _widest(rows: Sequence[tuple[str, tuple[Text, ...]]], number: int, head: str) -> int:
    return max([len(head), *(cells[number].cell_len for _, cells in rows if number < len(cells))])


def _shared(room: int, nodes: int, why: int) -> tuple[int, int]:
    """Return how wide the nodes and the reasons are: as they need, or else three to two."""
    room -= 2
    if nodes + why > room:
        nodes = max(min(nodes, room * 3 // 5), room - why)
        why = room - nodes
    return nodes, why


def _rows(state: RunState, room: int | None) -> Iterator[tuple[str, tuple[Text, ...]]]:
    """Yield the status and the other cells of each line."""
    lines = shown(state.groups, room)
    by_status = {status: [group for group in state.groups if group.status == status] for status in lines}
    folded = [status for status, number in lines.items() if number < len(by_status[status])]
    spare = 0 if room is None else max(0, room - sum(lines.values()) - len(folded))
    for status, number in lines.items():
        for group in by_status[status][:number]:
            yield status, _cells(group, state.now)
        if status in folded:
            mine = spare // len(folded)
            spare, folded = spare - mine, folded[1:]
            for text in _folded(by_status[status][number:], 1 + mine, more=number > 0):
                yield status, (Text(), Text(text, "dim"))


def _cells(group: GroupState, now: int | None) -> tuple[Text, Text, Text]:
    again = f" (attempt {group.attempt + 1})" if group.attempt else ""
    return Text(_took(group, now)), Text(one_line(", ".join(group.nodes)) + again), Text(_why(group), "dim")


def _took(group: GroupState, now: int | None) -> str:
    """Return how long a job has run, of about how long it does, or has waited to start."""
    if group.status == "SUBMITTED" and group.submitted_at is not None and now is not None:
        return lasting(max(0, now - group.submitted_at) / 1000)
    took = lasting(group.seconds_until(now))
    if group.status == "RUNNING" and group.expected_ms and took:
        return f"{took} of ~{roughly(group.expected_ms / 1000)}"
    return took


#: What Batch's words for a job that has not begun mean.
STARTING = {
    "SUBMITTED": "Batch has it",
    "PENDING": "Batch has it",
    "RUNNABLE": "RUNNABLE: waits for a machine",
    "STARTING": "STARTING: gets its machine and image",
}


def _why(group: GroupState) -> str:
    if group.status == "SUBMITTED":
        return STARTING.get(group.job_status or "", "")
    code = "" if group.exit_code in (None, 0) else f"exit code {group.exit_code}: "
    return one_line(f"{code}{group.reason}") if group.reason and group.status != "SUCCEEDED" else ""


def _folded(groups: Sequence[GroupState], lines: int, more: bool) -> list[str]:
    """Return what is folded in so many lines: the commonest namespaces, each in a line of its own if there is room."""
    word = "more jobs" if more else "jobs"
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


def plain_lines(state: RunState, prices: Prices | None = None) -> list[str]:
    """Return a run for a file or a pipe: a line for the run and one for each job, all of them."""
    counts = Counter(group.status for group in state.groups)
    parts = [f"{counts[status]} {status.lower()}" for status in reversed(ORDER) if counts[status]]
    size = f"{counted(state.nodes_total, 'node')} in {counted(state.groups_total, 'job')}"
    lines = [
        f"Run {state.run_id} {state.status}: {size}, {', '.join(parts) or 'none'}.",
        "; ".join(_figures(state, prices)),
        *([one_line(state.reason)] if state.reason else []),
        *map(one_line, stuck(state)),
    ]
    for group in sorted(state.groups, key=lambda group: (ORDER.index(group.status), group.index)):
        took, nodes, why = (cell.plain for cell in _cells(group, state.now))
        lines.append(f"{group.status:<9} {took:>11}  {nodes}  {why}".rstrip())
    return [line for line in lines if line]
