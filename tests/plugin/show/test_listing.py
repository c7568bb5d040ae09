"""Lists of runs: the requests, how often they are made, and the output for a terminal, a pipe and a program."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from kedro_aws_batch.client import GroupState, RunState, RunSummary
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.prices import read_prices
from kedro_aws_batch.show.listing import Listed, Listing, Timer, keep_showing, look
from kedro_aws_batch.show.runs_table import as_data, runs_table

from .test_jobs_table import printed

PRICES = read_prices({"vcpu_hour": 3.6, "gb_hour": 0, "source": "a test"})
IDS = [f"2026-11-2{day}T10.00.00.000Z" for day in range(5)][::-1]
ASKED = {"vcpus": 1, "memory": 1024}


def state(run_id: str, status: str = "RUNNING", usually: int | None = 90_000) -> RunState:
    """A finished job of half a minute, and one that has run for half a minute."""
    groups = (
        GroupState(0, ("a",), "SUCCEEDED", started_at=1_000, ended_at=31_000, expected_ms=usually, resources=ASKED),
        GroupState(1, ("b",), status, (0,), started_at=31_000, ended_at=61_000, expected_ms=usually, resources=ASKED),
    )
    if status == "RUNNING":
        groups = (groups[0], replace(groups[1], ended_at=None))
    over = status != "RUNNING"
    counts = {"SUCCEEDED": 2} if over else {"SUCCEEDED": 1, "RUNNING": 1}
    more = {"ended_at": 61_000 if over else None, "settled": over, "created_at": 1_000, "now": 61_000}
    return RunState(run_id, status, 2, 2, groups, counts, pipelines=("p",), **more)  # type: ignore[arg-type]


def summary(told: RunState) -> RunSummary:
    return RunSummary(
        told.run_id, told.status, told.pipelines, None, None, 2, 2, created_at=told.created_at, ended_at=told.ended_at
    )


@dataclass
class Fake:
    """Runs, and the requests about them with their seconds."""

    states: dict[str, RunState]
    time: float = 0
    asked: list[tuple[float, str]] = field(default_factory=list)
    lists: list[float] = field(default_factory=list)
    away: bool = False
    #: Events just before a second.
    later: dict[int, RunState] = field(default_factory=dict)
    ends: float = 30

    def list_runs(self, status: str | None = None, limit: int | None = None) -> list[RunSummary]:
        self._answer()
        self.lists.append(self.time)
        return [summary(one) for one in self.states.values() if status in (None, one.status)][:limit]

    def describe_run(self, run_id: str) -> RunState:
        self._answer()
        self.asked.append((self.time, run_id))
        if run_id not in self.states:
            raise ServiceError("it is forgotten", "UnknownRun")
        return self.states[run_id]

    def cancel_run(self, run_id: str, reason: str | None = None) -> str:
        raise NotImplementedError

    def _answer(self) -> None:
        if self.away:
            raise ServiceError("no network", "Unreachable")

    @property
    def clock(self) -> Timer:
        return Timer(lambda: self.time, self._pass)

    def _pass(self, seconds: float) -> None:
        self.time += seconds
        told = self.later.get(int(self.time))
        if told is not None:
            self.states[told.run_id] = told
        if self.time >= self.ends:
            raise KeyboardInterrupt


def runs(*statuses: str) -> Fake:
    return Fake({run_id: state(run_id, status) for run_id, status in zip(IDS, statuses, strict=False)})


def watched(fake: Fake, patience: float = 60) -> tuple[Listing, list[list[Listed]], list[str]]:
    listing = Listing(fake, None, 20)
    shown: list[list[Listed]] = []
    notes: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        keep_showing(listing, lambda: shown.append(listing.rows), notes.append, patience, fake.clock)
    return listing, shown, notes


def test_a_list_that_is_shown_once_asks_for_the_newest_that_go_on_one_a_second() -> None:
    fake = runs("RUNNING", "SUCCEEDED", "RUNNING", "RUNNING", "RUNNING")
    listing = Listing(fake, None, 20)
    look(listing, 3, fake.clock)
    assert fake.asked == [(0, IDS[0]), (1, IDS[2]), (2, IDS[3])]
    assert [row.state is not None for row in listing.rows] == [True, False, True, True, False]


def test_a_list_of_runs_that_have_ended_asks_for_none_unless_their_costs_are_wanted() -> None:
    fake = runs("SUCCEEDED", "FAILED")
    look(Listing(fake, None, 20), 3, fake.clock)
    assert fake.asked == []
    look(Listing(fake, None, 20, everything=True), None, fake.clock)
    assert fake.asked == [(0, IDS[0]), (1, IDS[1])]


def test_a_list_that_is_watched_asks_for_one_run_a_second_each_in_its_turn() -> None:
    fake = runs("RUNNING", "RUNNING", "SUCCEEDED", "RUNNING")
    _, shown, _ = watched(fake)
    assert [moment for moment, _ in fake.asked] == list(range(30))
    assert [run_id for _, run_id in fake.asked[:6]] == [IDS[0], IDS[1], IDS[3]] * 2
    assert fake.lists == [0, 5, 10, 15, 20, 25]
    assert [[row.state is not None for row in rows] for rows in shown[:3]] == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, False, True],
    ]


def test_a_run_that_ends_is_asked_for_until_it_is_settled_and_then_no_more() -> None:
    fake = runs("RUNNING", "SUCCEEDED")
    winding_down = replace(state(IDS[0]), status="FAILED", ended_at=50_000)
    fake.later = {4: winding_down, 8: replace(winding_down, settled=True)}
    _, shown, _ = watched(fake)
    assert [moment for moment, _ in fake.asked] == list(range(9))
    assert [rows[0].run.status for rows in shown[2:6]] == ["RUNNING", "RUNNING", "FAILED", "FAILED"]


def test_the_end_of_which_only_the_list_has_heard_is_shown() -> None:
    fake = runs("RUNNING")
    listing = Listing(fake, None, 20)
    look(listing, 1, fake.clock)
    fake.states[IDS[0]] = state(IDS[0], "SUCCEEDED")
    listing.read()
    assert [row.run.status for row in listing.rows] == ["SUCCEEDED"]


def test_a_network_that_is_away_is_waited_for_and_said_once() -> None:
    fake = runs("RUNNING")
    fake.away = True
    steps = fake.clock

    def sleep(seconds: float) -> None:
        steps.sleep(seconds)
        fake.away = fake.time < 10

    listing, notes = Listing(fake, None, 20), list[str]()
    with pytest.raises(KeyboardInterrupt):
        keep_showing(listing, lambda: None, notes.append, 60, Timer(steps.now, sleep))
    assert notes == ["No answer, trying again; runs go on. (no network)", "Answers are back after 10.0 s."]
    fake.away, fake.ends = True, 1000
    with pytest.raises(ServiceError, match="no network"):
        keep_showing(listing, lambda: None, notes.append, 60, fake.clock)
    assert 60 < fake.time < 100


def test_what_will_not_pass_ends_the_watch_and_a_run_that_is_forgotten_does_not() -> None:
    fake = runs("RUNNING", "RUNNING")
    listing = Listing(fake, None, 20)
    listing.read()
    del fake.states[IDS[0]]
    listing.describe(IDS[0])
    assert [row.state for row in listing.rows] == [None, None]
    assert listing.wanted == [IDS[1], IDS[0]]

    gone = Fake({})
    over = Listing(gone, None, 20, everything=True, _runs=[summary(state(IDS[0], "FAILED"))])
    assert over.wanted == [IDS[0]]
    over.describe(IDS[0])
    assert over.wanted == []

    class Refusing(Fake):
        def describe_run(self, _: str) -> RunState:
            raise ServiceError("You may not", "Refused")

    refusing = Refusing(runs("RUNNING").states)
    with pytest.raises(ServiceError, match="You may not"):
        keep_showing(Listing(refusing, None, 20), lambda: None, print, 60, refusing.clock)


def rows() -> list[Listed]:
    told = [state(IDS[0]), state(IDS[1], usually=None), state(IDS[2], "SUCCEEDED")]
    found = [Listed(summary(one), one) for one in told] + [Listed(summary(state(IDS[3], "FAILED")))]
    return [*found[:3], Listed(replace(found[3].run, description="nightly", reason="why\nnot\x1b[2J"))]


def test_a_list_says_how_far_runs_are_how_long_still_and_what_they_cost() -> None:
    lines = [" ".join(line.split()) for line in printed(runs_table(rows(), 61_000, 120, PRICES), 120)]
    assert lines == [
        "run status took left cost nodes what",
        f"{IDS[0]} RUNNING 1 min 00 s ~1 min $0.060 1/2 p",
        f"{IDS[1]} RUNNING 1 min 00 s ? $0.060 1/2 p",
        f"{IDS[2]} SUCCEEDED 1 min 00 s $0.060 2 p",
        f"{IDS[3]} FAILED 1 min 00 s 2 p · nightly · why not",
    ]


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (200, "run status took left cost nodes what"),
        (100, "run status took left cost nodes what"),
        (79, "run status took left cost nodes"),
        (60, "run status took nodes"),
        (40, "run status"),
    ],
)
def test_a_list_of_runs_fits_a_narrow_terminal(width: int, heads: str) -> None:
    lines = printed(runs_table(rows(), 61_000, width, PRICES), width)
    assert lines[0].split() == heads.split()
    assert max(map(len, lines)) <= width
    assert [line.split()[:2] for line in lines[1:3]] == [[run_id, "RUNNING"] for run_id in IDS[:2]]


def test_a_list_says_how_many_nodes_a_run_reused() -> None:
    run = replace(summary(state(IDS[0], "SUCCEEDED")), nodes_total=0, reused=16)
    assert printed(runs_table([Listed(run)], 61_000, 100), 100)[1].endswith(" 0  p · 16 nodes reused")


def test_where_no_run_goes_on_there_is_room_for_what_runs_are() -> None:
    lines = printed(runs_table(rows()[3:], 61_000, 80), 80)
    assert lines[0].split() == ["run", "status", "took", "nodes", "what"]
    assert lines[1].split()[2:] == ["1", "min", "00", "s", "2", "p", "·", "nightly", "·", "why", "not"]


@pytest.mark.parametrize("width", [72, 80, 100])
def test_a_long_reason_takes_no_column_away(width: int) -> None:
    failed = Listed(replace(summary(state(IDS[0], "FAILED")), reason="why not " * 30))
    lines = printed(runs_table([failed], 61_000, width), width)
    assert lines[0].split() == ["run", "status", "took", "nodes", "what"]
    assert (lines[1].split()[1:6], lines[1][-1]) == (["FAILED", "1", "min", "00", "s"], "…")
    assert max(map(len, lines)) <= width


def test_programs_are_told_the_same_and_nothing_that_was_not_asked_for() -> None:
    first, second, third, fourth = [as_data(row, PRICES) for row in rows()]
    assert {key: first[key] for key in list(first)[-5:]} == {
        "counts": {"SUCCEEDED": 1, "RUNNING": 1},
        "seconds_left": 60,
        "jobs_of_unknown_length": 0,
        "cost": {"USD": pytest.approx(0.06)},
        "jobs_of_unknown_cost": 0,
    }
    assert (second["seconds_left"], third["seconds_left"], third["cost"]) == (None, None, {"USD": pytest.approx(0.06)})
    assert (fourth["counts"], fourth["cost"], fourth["description"]) == (None, None, "nightly")
