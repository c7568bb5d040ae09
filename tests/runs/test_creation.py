"""The creation of runs: once for each key, resumed from earlier work, refused before anything is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dag import limits
from dag.document import MOST_GROUPS, Dataset, GraphDocument, Node
from dag.errors import DagError, InvalidRequestError, NotReadyError, NotSettledError, RunTooLargeError, UnknownRunError
from dag.jobs import run_moment
from dag.plan import Reused
from dag.records import Run
from dag.request import Allowed
from dag.resume import Resumption
from dag.spared import Spared
from dag.status import RunStatus
from runs.creation import LARGEST_REQUEST, RunSource, rehearse, told_of
from runs.description import listed_runs
from tests.runs.stage import LIFETIME, START, Interrupted, Stage
from tests.simulation.graphs import DEFINITION, HOME, QUEUE, chain, document


def test_the_same_key_is_the_same_run() -> None:
    stage = Stage(document(chain(2)))
    assert stage.start(key="given:a").run_id == stage.start(key="given:a").run_id
    assert (stage.submitted(), len(stage.table._runs)) == ([0], 1)


def test_another_key_in_the_same_millisecond_is_another_run() -> None:
    stage = Stage(document(chain(1)))
    first = stage.start(key="given:a").run_id
    stage.now = START
    assert stage.start(key="given:b").run_id > first
    assert len(stage.table._runs) == 2


def test_a_request_is_the_same_in_any_order_and_whatever_graph_its_caller_saw() -> None:
    stage = Stage(document(chain(1)))
    first = stage.start(key="given:a", description="d", max_workers=1, graph_digest=stage.document.digest)
    assert stage.start(key="given:a", max_workers=1, description="d").run_id == first.run_id
    assert first.request == {"description": "d", "max_workers": 1}


def test_a_run_whose_places_would_fill_its_status_item_is_refused() -> None:
    """Full, the item took neither another place nor the status of a cancelled run."""
    large = {"x": "y" * 299_000}
    stage = Stage(document([[]] * 12_500))
    with pytest.raises(InvalidRequestError, match=r"max_workers: .* can keep 12,1\d\d places, .* take 12,500\. Use"):
        stage.start(params=large, max_workers=1_000_000)
    assert not stage.table._runs
    few = Stage(document(chain(2)))
    assert few.start(params=large, max_workers=1_000_000).max_workers == 1_000_000


def test_two_starts_with_one_key_whose_millisecond_was_taken_are_one_run() -> None:
    stage = Interrupted(document(chain(1)))
    first = stage.start(key="given:a").run_id
    stage.now = START
    others: list[str] = []
    stage.before = ("move_key", lambda: others.append(stage.start(key="given:b").run_id))
    assert [stage.start(key="given:b").run_id] == others
    assert set(stage.table._runs) == {first, *others}


def test_two_starts_with_one_key_at_two_moments_are_one_run_though_the_first_s_was_taken() -> None:
    stage = Interrupted(document(chain(1)))
    stage.start(key="given:a")
    stage.now = START
    others: list[str] = []

    def start_again() -> None:
        stage.now += 7
        others.append(stage.start(key="given:b").run_id)

    stage.before = ("move_key", start_again)
    assert [stage.start(key="given:b").run_id] == others
    assert len(stage.table._runs) == 2


def test_a_key_whose_start_died_as_its_millisecond_was_taken_is_a_run_of_its_own() -> None:
    stage = Stage(document(chain(1)))
    first = stage.start(key="given:a").run_id
    stage.table.put_key("given:b", first, 0)
    second = stage.start(key="given:b").run_id
    assert second != first
    assert stage.start(key="given:b").run_id == second


def test_a_run_that_ends_as_it_starts_is_told_and_announced_as_that() -> None:
    stage = Stage(document(chain(1)))
    stage.batch.queues = frozenset()
    stage.batch.unasked = True  # or it would be refused before
    assert stage.start().status.value == "FAILED"
    assert [detail["status"] for detail in stage.announced] == ["RUNNING", "FAILED"]


def test_a_key_used_for_another_request_is_refused() -> None:
    stage = Stage(document(chain(2)))
    stage.start(key="given:a")
    with pytest.raises(InvalidRequestError, match="key was used for another request, which started run 2023"):
        stage.start(key="given:a", nodes=["n0"])


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"pipeline": "__defualt__"}, "no pipeline '__defualt__'. Did you mean '__default__'?"),
        ({"nodes": ["n7"]}, r"does not contain nodes named \['n7'\]"),
        ({"resume_from": "2026-01-01T00.00.00.000Z"}, "There is no run"),
        ({"params": {"aws_batch": {"job_queue": "quue"}}}, "does not allow .*Did you mean 'queue'?"),
        ({"params": {"x": "y" * 400_000}}, r"takes 400,\d{3} bytes, but the run table keeps only 300,000"),
        ({"graph_digest": "sha256:1"}, "The deployed graph is sha256:0"),
    ],
)
def test_what_cannot_be_run_is_refused_with_nothing_written(request_: dict[str, Any], says: str) -> None:
    stage = Stage(document(chain(2)))
    with pytest.raises(DagError, match=says):
        stage.start(**request_)
    assert (stage.table._keys, stage.table._active, stage.table._plans, stage.batch.jobs) == ({}, set(), {}, {})


def test_a_run_whose_queue_takes_no_jobs_is_refused_with_nothing_written() -> None:
    stage = Stage(document(chain(2)))
    stage.batch.trouble = {"state": "DISABLED"}
    with pytest.raises(NotReadyError, match="The job queue 'queue' is DISABLED"):
        stage.start()
    stage.batch.trouble, stage.batch.behind = {}, {"status": "INVALID", "statusReason": "No role."}
    with pytest.raises(NotReadyError, match=r"'environment' is ENABLED and INVALID \(No role\)"):
        stage.start()
    assert (stage.table._keys, stage.table._active, stage.table._plans, stage.batch.jobs) == ({}, set(), {}, {})


def test_a_run_starts_where_batch_may_not_be_asked_for_its_queues() -> None:
    stage = Stage(document(chain(2)))
    stage.batch.unasked = True
    assert stage.start().status == "RUNNING"
    assert stage.submitted() == [0]


def test_a_run_that_its_key_has_started_already_is_found_whatever_became_of_the_queue() -> None:
    stage = Stage(document(chain(2)))
    first = stage.start(key="given:a")
    stage.batch.trouble = {"state": "DISABLED"}
    assert stage.start(key="given:a").run_id == first.run_id


def test_more_groups_than_a_run_may_have_are_refused_clearly() -> None:
    stage = Stage(document([[] for _ in range(MOST_GROUPS + 1)]))
    with pytest.raises(RunTooLargeError, match="100,001 groups; 100,000 is the most"):
        stage.start()


def test_a_resumed_run_does_only_what_was_not_done() -> None:
    stage = Stage(document([[], [0], [1], [0]]))
    first = stage.start(on_failure="drain").run_id
    stage.finish(0)
    stage.finish(1, exit_code=1)
    stage.finish(2)
    assert stage.run.status.value == "FAILED"
    second = stage.start(key="given:2", resume_from=first)
    assert second.resumed == {
        "from": first,
        "runs": {first: 2},
        "seconds": 0,
        "sizes": [],
        "reused": ["n0", "n3"],
        "reused_total": 2,
        "again": {"n1": "it has not succeeded", "n2": "it has not succeeded"},
        "again_total": 2,
    }
    assert [run["resumed_from"] for run in listed_runs(stage.dispatcher, None, 20)] == [first, None]
    stage.finish_all()
    assert (stage.run.status.value, stage.run.nodes_total) == ("SUCCEEDED", 2)


def test_a_rehearsal_says_what_a_start_would_do_and_writes_nothing() -> None:
    stage = Stage(document([[], [0], [1], [0]]))
    source = RunSource(stage.document, Allowed([QUEUE], [DEFINITION]), HOME)
    first = stage.start(on_failure="drain").run_id
    stage.finish(0)
    stage.finish(1, exit_code=1)
    stage.finish(2)
    request = {"resume_from": first}
    plan, resumed = rehearse(stage.dispatcher, source, {**request, "dry_run": True})
    assert [run["run_id"] for run in listed_runs(stage.dispatcher, None, 20)] == [first]
    assert resumed is not None
    second = stage.start(key="given:2", **request)
    assert second.resumed is not None
    assert (len(plan.groups), resumed.again) == (second.groups_total, second.resumed["again"])
    with pytest.raises(InvalidRequestError, match="still RUNNING"):
        rehearse(stage.dispatcher, source, {"resume_from": second.run_id, "dry_run": True})


def test_an_input_that_was_written_since_runs_its_reader_again_and_is_no_part_of_the_request_that_is_kept() -> None:
    base = document([[], [], [1]])
    nodes = (replace(base.nodes[0], inputs=("raw",)), *base.nodes[1:])
    stage = Stage(replace(base, nodes=nodes, datasets={**base.datasets, "raw": base.datasets["d0"]}))
    first = stage.start(on_failure="drain").run_id
    stage.finish(0)
    stage.finish(1)
    stage.finish(2, exit_code=1)
    newer = {"raw": {"at": run_moment("2999-01-01T00.00.00.000Z"), "digest": "d"}}
    second = stage.start(key="given:2", resume_from=first, stored=newer)
    assert second.resumed is not None
    assert second.resumed["reused"] == ["n1"]
    assert second.resumed["again"] == {
        "n0": "'raw' is newer: it was written at 2999-01-01T00.00.00.000Z",
        "n2": "it has not succeeded",
    }
    assert "stored" not in stage.run.request


def test_what_is_taken_over_is_loaded_at_the_version_of_the_run_that_wrote_it_through_several_resumes() -> None:
    names = [("a", (), ("x",)), ("b", ("x",), ("y",)), ("c", ("x", "y"), ("z",))]
    nodes = tuple(Node(name, name, None, frozenset(), ins, outs, {}) for name, ins, outs in names)
    datasets = {name: Dataset("pickle", "remote", versioned=True) for name in "xyz"}
    base = document([])
    stage = Stage(
        GraphDocument("sha256:0", "project", "aws_batch", nodes, {"__default__": (0, 1, 2)}, datasets, base.run)
    )
    first = stage.start().run_id
    stage.finish(0)
    stage.finish(1, exit_code=1)
    second = stage.start(key="given:2", resume_from=first).run_id
    stage.finish(0)
    stage.finish(1, exit_code=1)
    third = stage.start(key="given:3", resume_from=second).run_id
    plan = stage.dispatcher.plan(third)
    assert [(group.nodes, dict(group.load_versions)) for group in plan.groups] == [(("c",), {"x": first, "y": second})]


def test_a_run_that_still_goes_on_cannot_be_resumed() -> None:
    stage = Stage(document(chain(2)))
    first = stage.start().run_id
    with pytest.raises(InvalidRequestError, match="still RUNNING: wait for its end, or cancel it"):
        stage.start(key="given:2", resume_from=first)


def test_a_run_that_has_done_everything_leaves_nothing_to_resume() -> None:
    stage = Stage(document(chain(2)))
    first = stage.start().run_id
    stage.finish_all()
    with pytest.raises(InvalidRequestError, match="nothing to resume"):
        stage.start(key="given:2", resume_from=first)


def test_a_resumed_run_keeps_the_selection_and_the_parameters_of_the_first() -> None:
    stage = Stage(document(chain(4)))
    first = stage.start(to_nodes=["n2"], params={"rate": 0.1}).run_id
    stage.finish(0)
    stage.finish(1, exit_code=1)
    second = stage.start(key="given:2", resume_from=first)
    plan = stage.dispatcher.plan(second.run_id)
    assert [group.nodes for group in plan.groups] == [("n1",), ("n2",)]
    assert plan.params == {"rate": 0.1}


def test_the_selection_is_kept_through_several_resumes() -> None:
    stage = Stage(document(chain(4)))
    first = stage.start(to_nodes=["n2"]).run_id
    stage.finish(0, exit_code=1)
    second = stage.start(key="given:2", resume_from=first).run_id
    stage.finish(0, exit_code=1)
    third = stage.start(key="given:3", resume_from=second).run_id
    plan = stage.dispatcher.plan(third)
    assert [group.nodes for group in plan.groups] == [("n0",), ("n1",), ("n2",)]


def test_an_unknown_run_cannot_be_resumed() -> None:
    with pytest.raises(UnknownRunError):
        Stage(document(chain(1))).start(resume_from="2026-01-01T00.00.00.000Z")


def test_a_run_goes_on_with_the_revision_that_it_began_with_and_a_resumed_one_takes_the_newest() -> None:
    stage = Stage(document(chain(3)))
    stage.batch.revision = 4
    stage.start()
    stage.batch.revision = 5
    stage.finish(0)
    stage.finish(1, exit_code=1)
    began_with = [job.definition for job in stage.batch.work]
    stage.start(key="given:2", resume_from=stage.run_id)
    assert began_with == ["definition:4"] * 2
    assert [job.definition for job in stage.batch.work[2:]] == ["definition:5"]


def test_where_batch_may_not_be_asked_jobs_go_by_the_definition_s_name() -> None:
    stage = Stage(document(chain(1)))
    stage.batch.unasked = True
    stage.start()
    assert [job.definition for job in stage.batch.work] == ["definition"]


def test_a_run_is_not_resumed_before_its_jobs_have_ended() -> None:
    stage = Stage(document([[], []]))
    stage.start()
    stage.deliver(stage.end(0, exit_code=1))
    begun = len(stage.batch.work)
    assert (stage.run.over, stage.statuses()[1]) == (True, "SUBMITTED")
    with pytest.raises(NotSettledError, match="FAILED, but 1 of its jobs may still be ending"):
        stage.start(key="given:2", resume_from=stage.run_id)
    assert len(stage.batch.work) == begun
    stage.deliver(*[job for job in stage.batch.work if job.over])
    assert stage.start(key="given:3", resume_from=stage.run_id).groups_total == 2


def test_a_start_that_can_not_be_announced_goes_on_and_is_announced_later() -> None:
    stage = Stage(document(chain(2)))
    stage.bus_is_out = True
    run = stage.start()
    assert (run.announced, stage.submitted()) == (frozenset(), [0])
    stage.bus_is_out = False
    stage.reconcile(later=LIFETIME + 1)
    assert [detail["status"] for detail in stage.announced] == ["RUNNING"]


def test_what_a_resumed_run_took_over_fits_its_item_however_much_it_is() -> None:
    nodes = [f"n{number:05}" for number in range(30_000)]
    why = "code of a/long/way/to/the/module/of/a/node.py has changed, " * 4
    resumed = Resumption("earlier", {node: Reused("s", "earlier") for node in nodes}, dict.fromkeys(nodes, why))
    told = told_of(resumed, 15_000)
    assert (told["reused_total"], told["again_total"]) == (30_000, 30_000)
    assert told["reused"] == nodes[:1_500]  # of ten bytes each
    assert list(told["again"].items()) == [(node, why) for node in nodes[: len(told["again"])]]
    assert 14_000 < len(json.dumps(told["again"])) <= 15_000
    assert len(json.dumps(told)) < 50_000  # with which the status item reckons


def test_what_little_a_resumed_run_took_over_is_told_whole() -> None:
    told = told_of(Resumption("earlier", {"b": Reused("s", "earlier"), "a": Reused("s", "earlier")}, {"c": "new"}), 30)
    assert told == {
        "from": "earlier",
        "runs": {"earlier": 2},
        "seconds": 0,
        "sizes": [],
        "reused": ["a", "b"],
        "reused_total": 2,
        "again": {"c": "new"},
        "again_total": 1,
    }


def test_more_than_twenty_sizes_of_what_is_spared_are_not_told() -> None:
    sizes = [
        Spared(job_queue="q", vcpus=number, memory=1, gpus=0, seconds=1.0, with_minimum=60.0) for number in range(21)
    ]
    told = [told_of(Resumption(None, {}, {}, sizes=tuple(some)), 30)["sizes"] for some in (sizes[:20], sizes)]
    assert told == [[vars(one) for one in sizes[:20]], []]


def test_a_request_of_just_the_largest_size_is_taken() -> None:
    stage = Stage(document(chain(1)))
    length = LARGEST_REQUEST - len(json.dumps({"params": {"x": ""}}))
    stage.start(params={"x": "y" * length})
    with pytest.raises(InvalidRequestError, match="takes 300,001 bytes"):
        stage.start(key="given:2", params={"x": "y" * (length + 1)})


def test_as_many_places_are_taken_as_fit_beside_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than there are groups, and none without `max_workers`."""
    left = len(json.dumps({"max_workers": 1_000})) + 4 * 5
    monkeypatch.setattr("runs.creation._FOR_THE_REST", limits.ITEM_BYTES.most - left)
    stage = Stage(document([[]] * 4))
    stage.start(max_workers=1_000)
    monkeypatch.setattr("runs.creation._FOR_THE_REST", limits.ITEM_BYTES.most - left + 1)
    with pytest.raises(InvalidRequestError, match=r"can keep 3 places, but the run may take 4\."):
        stage.start(key="given:2", max_workers=1_000)
    monkeypatch.setattr("runs.creation._FOR_THE_REST", limits.ITEM_BYTES.most - 2)
    stage.start(key="given:3")


def test_a_run_that_is_cancelled_as_it_starts_is_announced_by_whoever_cancelled_it() -> None:
    stage = Stage(document(chain(1)))
    usual, read = stage.table.get_run, 0

    def get_run(run_id: str) -> Run | None:
        nonlocal read
        read += "put_jobs" in stage.calls
        if read == 2:  # the first is the submitter's
            stage.table.end_run(run_id, RunStatus.CANCELLED, "enough", stage.now)
        return usual(run_id)

    stage.table.get_run = get_run  # type: ignore[method-assign]
    assert (stage.start().status, stage.announced) == (RunStatus.CANCELLED, [])
