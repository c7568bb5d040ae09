"""The content of the report: every figure and every sentence, before any HTML."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.selection import FILTERS
from kedro_aws_batch._service.dag.status import IN_FLIGHT
from kedro_aws_batch.containers import container_numbers, containers_of
from kedro_aws_batch.critical import critical_path
from kedro_aws_batch.estimate import words_left
from kedro_aws_batch.saved import saved, why_none_carried_on
from kedro_aws_batch.show.header import NOTHING
from kedro_aws_batch.show.reused import made_by, of_which
from kedro_aws_batch.sizing import noun, size
from kedro_aws_batch.wording import counted, lasting, moment, money, plain, zone

from .chart import chart
from .containers_table import container_rows
from .folds import Fold, fold_jobs
from .graph import drawn
from .reused_table import reused_rows
from .rows import COLUMNS, Cell, FigureColumn, Row
from .timeline import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.prices import Prices

    from .containers_table import ContainerRow
    from .folds import Item
    from .graph import Box, Frame
    from .measured import Measured
    from .reused_table import ReusedRow
    from .timeline import Line

    #: Returns the address of a group's log, or None if there is none to open.
    LogLink = Callable[[GroupState], "str | None"]

STATUSES = ("RUNNING", "SUBMITTED", "WAITING", "FAILED", "SUCCEEDED", "CANCELLED", "SKIPPED")
#: The meaning of the timeline's colours.
LEGEND = (
    ("waiting", "waiting"),
    ("starting", "starting"),
    ("again", "ran, repeated by Batch"),
    ("RUNNING", "running"),
    ("SUCCEEDED", "ran, succeeded"),
    ("FAILED", "ran, failed"),
    ("CANCELLED", "cancelled"),
    ("critical", "on the critical path"),
)
#: The mark of what had no container of its own.
CARRIED_MARK = ("carried", "a container carried on with it")


@dataclass(frozen=True)
class Content:
    """A run, as the report shows it."""

    state: RunState
    rows: tuple[Row, ...]
    prices: Prices
    #: A note below the title, for example that this is a local run.
    remark: str = ""
    #: Whether the page around it updates during the run.
    live: bool = False
    #: What the jobs have used; None if nobody read it.
    measured: Measured | None = None

    @cached_property
    def columns(self) -> list[FigureColumn]:
        """Return the columns of figures, without optional ones that are empty."""
        return [one for one in COLUMNS if not one.optional or any(one.cell(row).by for row in self.rows)]

    def cells(self, row: Row) -> list[Cell]:
        """Return a row's figures, in the order of the columns."""
        return [column.cell(row) for column in self.columns]

    @property
    def noun(self) -> str:
        """Return what a row is: a job or, where containers carry on, a node or a group of nodes."""
        return noun(self.state)

    @property
    def legend(self) -> tuple[tuple[str, str], ...]:
        """Return the timeline's colours and marks, each with what it means."""
        return (*LEGEND, CARRIED_MARK) if any(row.group.carried for row in self.rows) else LEGEND

    @property
    def failed(self) -> list[Row]:
        """Return the failed groups, first to last."""
        failed = [row for row in self.rows if row.group.status == "FAILED"]
        return sorted(failed, key=lambda row: (row.group.ended_at or 0, row.group.index))

    @property
    def blocked(self) -> list[str]:
        """Return why jobs can't start, and what to do about it."""
        return [plain(_stuck(one)) for one in self.state.blocked]

    @property
    def carried(self) -> str:
        """Return what it saved that containers carried on, or why none did though they may."""
        return saved(self.state, self.prices) or why_none_carried_on(self.state)

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Return how many groups have which status, without statuses that none has."""
        return [(status, self.state.counts[status]) for status in STATUSES if self.state.counts.get(status)]

    @property
    def figures(self) -> list[tuple[str, str, str]]:
        """Return the figures at the top: a name, a value, and a remark."""
        took = "took" if self.state.ended else "has taken"
        source = of_which(self.state.resumed, self.prices)
        return [
            (f"The run {took}", lasting(self.state.seconds) or "–", _between(self.state)),
            ("Size", size(self.state) if self.state.groups_total else NOTHING.capitalize(), self._at_once()),
            *(self._of_jobs() if self.rows else []),
            *([("Reused", counted(self.state.reused, "node"), f"of {source}")] if source else []),
        ]

    def _of_jobs(self) -> list[tuple[str, str, str]]:
        """Return the figures of the run's jobs."""
        return [
            ("Critical path", *self._critical()),
            ("Estimated cost", *self._cost()),
            ("Asked for", *self._asked()),
            *([("Used of it", *self._used())] if any(row.used for row in self.rows) else []),
        ]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Return what the run is, and its request."""
        state, request = self.state, self.state.request
        facts = [
            ("Pipelines", ", ".join(state.pipelines)),
            ("Description", state.description or ""),
            *((name.replace("_", " ").capitalize(), _short(request.get(name))) for name in (*FILTERS, "load_versions")),
            ("Parameters", _pretty(request.get("params"))),
            ("On failure", state.on_failure or ""),
            ("At most at once", "" if state.max_workers is None else counted(state.max_workers, "job")),
            ("Resumes", _resumed(state)),
            ("Reused", "" if state.resumed_from else made_by(state.resumed)),
            ("Environment", state.environment or ""),
            ("Graph", state.graph_digest or ""),
            ("Prices", "\n".join(f"{what}: {_said(rates)}" for what, rates in self.prices.rates)),
        ]
        return [(name, plain(value)) for name, value in facts if value]

    @property
    def caveats(self) -> list[str]:
        """Return what the sum of the costs leaves out."""
        unknown = sum(row.cost is None for row in self.rows)
        again = sum(_unpriced(row.group) for row in self.rows)
        found = []
        if unknown:
            found.append(
                f"{counted(unknown, noun(self.state))} could not be priced: the job definition sets the size, "
                "or no price of a GPU is configured."
            )
        if again:
            found.append(
                f"{counted(again, noun(self.state))} had attempts whose times Batch has not told: those attempts are "
                "not counted."
            )
        return found

    @property
    def unmeasured(self) -> str:
        """Return for which jobs the usage is unknown, and why."""
        measured = self.measured
        if measured is None:
            return ""
        silent = measured.looked_at - len(measured.used)
        if measured.unread:
            return f"Usage is not known: {measured.unread}"
        parts, one = [], noun(self.state)
        if silent:
            parts.append(
                f"{counted(silent, one)} did not report it. "
                f"{one.capitalize()}s that were killed or failed to start can't."
            )
        if measured.left_out:
            parts.append(f"Only the logs of the {measured.looked_at:,} longest {one}s were read.")
        return plain(f"Usage is not known for all {one}s. {' '.join(parts)}" if parts else "")

    @property
    def as_of(self) -> str:
        """Return when the state was read, if it may have changed since."""
        moving = not self.state.ended or any(row.group.status in IN_FLIGHT for row in self.rows)
        return moment(self.state.now) if moving else ""

    @property
    def zone(self) -> str:
        """Return the time zone of the times."""
        return zone(self.state.created_at)[0]

    @cached_property
    def containers(self) -> list[ContainerRow]:
        """Return the containers, if any ran several groups."""
        return container_rows(self.state, self.prices)

    @cached_property
    def reused(self) -> list[ReusedRow]:
        """Return the nodes that earlier runs made."""
        return reused_rows(self.state)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Return the jobs, folded where they are many."""
        return fold_jobs(self.rows)

    @cached_property
    def graph(self) -> tuple[tuple[Box | Frame, ...], ...]:
        """Return the graph's boxes, layer by layer."""
        return drawn(self.items, noun(self.state))

    @property
    def folds(self) -> bool:
        """Whether anything in the graph and the timeline unfolds."""
        return any(isinstance(item, Fold) for item in self.items)

    def drawing(self) -> dict[str, Any]:
        """Return the data that the page's scripts draw: the timeline, and the graph's lines."""
        return {
            **chart(self.state, self.rows, self.items),
            "parents": {row.group.index: row.group.parents for row in self.rows if row.group.parents},
            "path": critical_path(self.state),
        }

    def _critical(self) -> tuple[str, str]:
        path = [row.line for row in self.rows if row.line.critical]
        ran = sum(line.running.seconds for line in path if line.running)
        starting = sum(line.started_in for line in path if line.started_in is not None)
        waiting = sum(line.waiting.seconds for line in path if line.waiting)
        if not path:
            return "–", "nothing has run"
        return counted(len(path), noun(self.state)), (
            f"{lasting(ran)} running, {lasting(starting)} starting, {lasting(waiting)} waiting"
        )

    def _at_once(self) -> str:
        ran = sum(row.line.running.seconds for row in self.rows if row.line.running)
        if not ran or not self.state.seconds:
            return ""
        return f"{lasting(ran)} of work: {ran / self.state.seconds:.1f} at once on average"

    def _cost(self) -> tuple[str, str]:
        by_currency: dict[str, float] = {}
        for row in self.rows:
            by_currency[row.currency] = by_currency.get(row.currency, 0) + (row.cost or 0)
        sums = [money(cost, currency) for currency, cost in sorted(by_currency.items())] or ["–"]
        more = "at least " if self.caveats else ""
        names = ", ".join(dict.fromkeys(rates.name for _, rates in self.prices.rates))
        idle = sum(one.idle_seconds for one in containers_of(self.state)) if self.state.warm_containers else 0
        between = f"; {lasting(idle)} of it for containers without a node, shared by theirs" if idle else ""
        return more + " + ".join(sums), f"rates: {names}{between}"

    def _asked(self) -> tuple[str, str]:
        ran = [(row.group.resources, row.line.running.seconds / 3600) for row in self.rows if row.line.running]
        vcpus = sum(asked.get("vcpus", 0) * hours for asked, hours in ran)
        memory = sum(asked.get("memory", 0) / 1024 * hours for asked, hours in ran)
        return f"{vcpus:,.3g} vCPU-hours", f"{memory:,.3g} GiB-hours of memory"

    def _used(self) -> tuple[str, str]:
        """Return the used share of what was asked for, over the jobs that reported it, weighted by their run time."""
        known = [(row.used, row.group.resources) for row in self.rows if row.used is not None]
        vcpus = _part((used.cpu, asked.get("vcpus", 0) * used.seconds) for used, asked in known)
        memory = _part((used.memory * used.seconds, asked.get("memory", 0) * used.seconds) for used, asked in known)
        said = (
            ""
            if len(known) == len(self.rows)
            else f", for the {counted(len(known), noun(self.state))} that reported it"
        )
        return f"{vcpus} of the vCPUs", f"{memory} of the memory at its peak{said}"


@dataclass(frozen=True)
class About:
    """What a report needs besides the run's state."""

    remark: str = ""
    live: bool = False
    measured: Measured | None = None


def content(state: RunState, prices: Prices, log_link: LogLink, about: About | None = None) -> Content:
    """Return the content of a run's report."""
    about = about or About()
    used = about.measured.used if about.measured is not None else {}
    costs, within = prices.costs(state), container_numbers(state)

    def row(line: Line) -> Row:
        group = line.group
        currency = prices.rates_of(group).currency
        return Row(
            line=line,
            cost=costs[group.index],
            currency=currency,
            log_link=log_link(group),
            used=used.get(group.index),
            container=within.get(group.index),
        )

    return Content(
        state=state,
        rows=tuple(map(row, lines(state))),
        prices=prices,
        remark=about.remark,
        live=about.live,
        measured=about.measured,
    )


def _unpriced(group: GroupState) -> bool:
    """Whether Batch made attempts without times that have a log, so that their containers ran."""
    jobs = [(group.log_streams, group.batch_attempts)]
    jobs += [(job.get("log_streams") or (), job.get("batch_attempts") or ()) for job in group.earlier]
    return any(len(streams) - 1 > len(before) for streams, before in jobs)


def _part(pairs: Iterable[tuple[float, float]]) -> str:
    """Return the sum of the first numbers as a share of the sum of the second, over pairs whose second is known."""
    known = [(used, asked) for used, asked in pairs if asked]
    return f"{sum(used for used, _ in known) / sum(asked for _, asked in known):.0%}" if known else "?"


def _between(state: RunState) -> str:
    until = f" to {moment(state.ended_at)[11:]}" if state.ended_at is not None else ""
    left = words_left(state)
    return f"{moment(state.created_at)}{until}{f', {left}' if left else ''}"


def _stuck(blocked: Mapping[str, Any]) -> str:
    since = f", since {moment(blocked['since'])}" if blocked.get("since") else ""
    return (
        f"{', '.join(blocked.get('nodes', ()))} ({blocked.get('asks_for', '')}) waits at the head of "
        f"{blocked.get('job_queue', 'its queue')}{since}. {blocked.get('reason', '')} {blocked.get('remedy', '')}"
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _pretty(value)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _resumed(state: RunState) -> str:
    source = state.resumed_from
    return "" if source is None else f"{source}, of which {counted(state.reused, 'node')} were reused"


def _said(rates: Any) -> str:
    gpus = "" if rates.gpu_hour is None else f", {rates.gpu_hour:g} per GPU-hour"
    spot = "" if rates.spot_factor == 1 else f", times {rates.spot_factor:g} for spot"
    floor = f", at least {rates.minimum_seconds} s a job" if rates.minimum_seconds else ""
    return (
        f"{rates.name}, {rates.vcpu_hour:g} {rates.currency} per vCPU-hour, {rates.gb_hour:g} per GiB-hour"
        f"{gpus}{spot}{floor} ({rates.source})"
    )
