"""What a resumed run reuses, and why the rest runs again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.document import Dataset, Node, base_name
from dag.errors import InvalidRequestError
from dag.grouping import is_in_memory
from dag.jobs import run_id_at, run_moment
from dag.meaning import resumed_request
from dag.plan import Plan, Reused, dump_plan, load_plan
from dag.request import Earlier, make_plan
from dag.resume import Changes, changed_parameters, changed_values, done_before, newer_inputs, resumption
from dag.shards import Mark
from dag.stored import read_shown

from .build import ALLOWED, RUN_ID, document, plan_of, view_of
from .graphs import Graph, graphs, make_node, stored

FIRST, SECOND, THIRD = (f"2026-11-2{day}T13.11.00.123Z" for day in (1, 2, 3))
CHAIN = [make_node("a", ["raw"], ["x"]), make_node("b", ["x"], ["y"]), make_node("c", ["y", "params:m.rate"], ["z"])]
STORED = stored("raw", "x", "y", "z")


def done(*nodes: Node, run_id: str = FIRST) -> dict[str, Reused]:
    return {node.name: Reused(node.signature, run_id) for node in nodes}


def again(nodes: list[Node], before: Mapping[str, Reused], datasets: Any = None, changed: Any = ()) -> dict[str, str]:
    return dict(resumption(FIRST, nodes, STORED if datasets is None else datasets, before, Changes(changed)).again)


def test_what_succeeded_is_taken_over_and_the_rest_runs_again() -> None:
    found = resumption(FIRST, CHAIN, STORED, done(*CHAIN[:2]), Changes())
    assert found.source == FIRST
    assert found.reused == done(*CHAIN[:2])
    assert found.again == {"c": "it has not succeeded"}


def test_a_node_that_failed_says_what_of_it_is_another_now() -> None:
    changes = Changes(["m"], made={"a": "code of f in demo/a.py has changed"})
    assert dict(resumption(FIRST, CHAIN, STORED, {}, changes).again) == {
        "a": "it has not succeeded, and code of f in demo/a.py has changed",
        "b": "it has not succeeded",
        "c": "it has not succeeded, and parameter 'm' has changed",
    }


def test_what_follows_a_node_that_runs_again_runs_again() -> None:
    assert again(CHAIN, done(*CHAIN[1:])) == {
        "a": "it has not succeeded",
        "b": "it follows 'a', which runs again",
        "c": "it follows 'b', which runs again",
    }


def test_a_node_that_reads_or_writes_something_else_now_runs_again() -> None:
    changed = [CHAIN[0], replace(CHAIN[1], inputs=("x", "raw")), CHAIN[2]]
    assert again(changed, done(*CHAIN)) == {
        "b": "its inputs or outputs have changed",
        "c": "it follows 'b', which runs again",
    }


def test_other_tags_resources_and_texts_do_not_make_a_node_run_again() -> None:
    same = [replace(node, tags=frozenset({"new"}), resources={"memory": 9}, display="renamed") for node in CHAIN]
    assert again(same, done(*CHAIN)) == {}


@pytest.mark.parametrize(
    ("changed", "parameter", "runs_again"),
    [
        ("m.rate", "params:m.rate", True),
        ("m", "params:m.rate", True),
        ("m.rate.first", "params:m.rate", True),
        ("m.rat", "params:m.rate", False),
        ("n", "params:m.rate", False),
        ("n", "parameters", True),
    ],
)
def test_a_node_that_reads_a_changed_parameter_runs_again(changed: str, parameter: str, runs_again: bool) -> None:
    nodes = [make_node("n", [parameter], ["x"])]
    why = {"n": f"parameter '{changed}' has changed"} if runs_again else {}
    assert again(nodes, done(*nodes), changed=[changed]) == why


def test_what_was_left_in_memory_is_made_again_where_it_is_needed() -> None:
    in_memory = {name: one for name, one in STORED.items() if name != "y"}
    assert again(CHAIN, done(*CHAIN[:2]), in_memory) == {
        "b": "'y', which it leaves in memory, is needed again",
        "c": "it has not succeeded",
    }
    assert again(CHAIN, done(*CHAIN), in_memory) == {}


def test_a_node_made_to_run_again_for_its_memory_takes_those_that_follow_it_along() -> None:
    nodes = [
        make_node("make", ["raw"], ["stored", "in_memory"]),
        make_node("use", ["in_memory"], ["end"]),
        make_node("other", ["stored"], ["end_2"]),
    ]
    found = again(nodes, done(nodes[0], nodes[2]), stored("raw", "stored", "end", "end_2"))
    assert found == {
        "make": "'in_memory', which it leaves in memory, is needed again",
        "use": "it has not succeeded",
        "other": "it follows 'make', which runs again",
    }


def test_only_groups_that_succeeded_are_done_and_what_was_taken_over_still_is() -> None:
    plan = plan_of([[], [0], [1]])
    plan = replace(plan, reused={"old": Reused("0", FIRST)})
    view = view_of(claimed=[0, 1], succeeded=[0], failed=[1])
    assert done_before(plan, view) == {"old": Reused("0", FIRST), "n0": Reused(plan.groups[0].signatures[0], RUN_ID)}


@given(graphs(), st.data())
def test_whatever_is_taken_over_can_be_read_by_whatever_runs_again(graph: Graph, data: st.DataObject) -> None:
    names = [node.name for node in graph.nodes]
    succeeded = data.draw(st.sets(st.sampled_from(names)))
    before = done(*(node for node in graph.nodes if node.name in succeeded))
    found = resumption(FIRST, graph.nodes, graph.datasets, before, Changes())
    assert sorted([*found.reused, *found.again]) == sorted(names)
    assert set(found.reused) <= succeeded
    for above, below in graph.edges:
        if names[below] in found.reused:
            assert names[above] in found.reused
        elif names[above] in found.reused:
            shared = {base_name(name) for name in graph.nodes[below].inputs}
            passed = [name for name in graph.nodes[above].outputs if base_name(name) in shared]
            exact = [name for name in passed if name in graph.nodes[below].inputs]
            assert not any(is_in_memory(name, graph.datasets) for name in exact)


@given(graphs())
def test_where_all_was_done_nothing_runs_again_and_where_nothing_was_all_does(graph: Graph) -> None:
    everything = resumption(FIRST, graph.nodes, graph.datasets, done(*graph.nodes), Changes())
    nothing = resumption(FIRST, graph.nodes, graph.datasets, {}, Changes())
    assert (everything.again, nothing.reused) == ({}, {})


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({}, {}, []),
        ({"a": 1, "b": {"c": 1, "d": 2}}, {"a": 1, "b": {"c": 1, "d": 3}}, ["b.d"]),
        ({"a": 1}, {"b": 1}, ["a", "b"]),
        ({"a": {"b": 1}}, {"a": 1}, ["a"]),
        ({"a": {}}, {"a": {"b": 1}}, ["a.b"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a"]),
        ({"a": 1}, {"a": 1.0}, ["a"]),
        ({"a": None}, {}, ["a"]),  # null takes the place of what is configured
        ({"m": {}}, {"m": {"a": None}}, ["m.a"]),
        ({"a": None}, {"a": None}, []),
        ({"aws_batch": {"max_workers": 1}}, {"aws_batch": {"max_workers": 2}}, []),
        ({"m": {"aws_batch": 1}}, {"m": {"aws_batch": 2}}, ["m.aws_batch"]),
    ],
)
def test_changed_parameters_are_named_with_dots(before: Any, now: Any, expected: list[str]) -> None:
    assert changed_parameters(before, now) == expected


# Chains of resumed runs, by whole plans


VERSIONED = {name: Dataset("pickle.PickleDataset", "remote", versioned=True) for name in ("x", "y", "z")}


def resumed(request: Mapping[str, Any], run_id: str, earlier: Plan, succeeded: list[int], params: Any) -> Plan:
    view = view_of(claimed=succeeded, submitted=succeeded, succeeded=[Mark(group) for group in succeeded])
    state = Earlier(earlier, view, {"params": params})
    return make_plan(document(CHAIN, VERSIONED), request, run_id, ALLOWED, state)[0]


def test_each_run_of_a_chain_loads_what_the_run_wrote_that_really_made_it() -> None:
    first, _ = make_plan(document(CHAIN, VERSIONED), {}, FIRST, ALLOWED)
    second = resumed({}, SECOND, first, [0], {})
    third = resumed({}, THIRD, second, [0], {})
    assert [group.nodes for group in second.groups] == [("b",), ("c",)]
    assert [group.load_versions for group in second.groups] == [{"x": FIRST}, {"y": SECOND}]
    assert [(group.nodes, group.load_versions) for group in third.groups] == [(("c",), {"y": SECOND})]
    assert {name: one.run_id for name, one in third.reused.items()} == {"a": FIRST, "b": SECOND}


def test_a_parameter_that_is_changed_in_the_middle_of_a_chain_runs_its_readers_again() -> None:
    first, _ = make_plan(document(CHAIN, VERSIONED), {"params": {"m": {"rate": 1}}}, FIRST, ALLOWED)
    request = {"params": {"m": {"rate": 2}}}
    view = view_of(succeeded=[0, 1, 2])
    plan, found = make_plan(
        document(CHAIN, VERSIONED), request, SECOND, ALLOWED, Earlier(first, view, {"params": {"m": {"rate": 1}}})
    )
    assert found is not None
    assert found.again == {"c": "parameter 'm.rate' has changed"}
    assert plan.groups[0].load_versions == {"y": FIRST}


def test_a_parameter_that_is_configured_anew_runs_its_readers_again_and_what_follows() -> None:
    """As `params:m.rate` in parameters.yml, which was corrected after the run had failed."""
    before = replace(document(CHAIN, VERSIONED), parameters={"params:m.rate": "aa", "params:other": "cc"})
    now = replace(before, parameters={"params:m.rate": "bb", "params:other": "cc", "params:new": "dd"})
    first, _ = make_plan(before, {}, FIRST, ALLOWED)
    assert load_plan(dump_plan(first)).parameters == before.parameters
    _, found = make_plan(now, {}, SECOND, ALLOWED, Earlier(first, view_of(succeeded=[0, 1, 2]), {}))
    assert found is not None
    assert found.again == {"c": "parameter 'm.rate' has changed"}
    with pytest.raises(InvalidRequestError, match="nothing to resume"):
        make_plan(before, {}, SECOND, ALLOWED, Earlier(first, view_of(succeeded=[0, 1, 2]), {}))


@pytest.mark.parametrize(
    ("asked", "params", "used", "read"),
    [
        (["day"], {"m": {"rate": 1}, "day": "Tuesday"}, "abc", ""),  # a dataset's place may have it
        (["m.rate"], {"m": {"rate": 2}}, "ab", "c"),  # another parameter may have it, too
        (["m"], {"m": {"rate": 2}}, "ab", "c"),
        (["day"], {"m": {"rate": 2}}, "", "c"),
        (["days"], {"m": {"rate": 2}, "day": "Tuesday"}, "", "c"),
    ],
)
def test_a_parameter_that_the_configuration_uses_elsewhere_runs_all_again(
    asked: list[str], params: dict[str, Any], used: str, read: str
) -> None:
    of = replace(document(CHAIN, VERSIONED), runtime_params=asked)
    before = {"params": {"m": {"rate": 1}}}
    first, _ = make_plan(of, before, FIRST, ALLOWED)
    _, found = make_plan(of, {"params": params}, SECOND, ALLOWED, Earlier(first, view_of(succeeded=[0, 1, 2]), before))
    assert found is not None
    name = "m.rate" if read else "day"
    assert found.again == {
        **dict.fromkeys(used, f"parameter '{name}', which the configuration uses, has changed"),
        **dict.fromkeys(read, f"parameter '{name}' has changed"),
    }


def test_a_run_of_an_older_release_says_nothing_about_values() -> None:
    assert changed_values({}, {"params:rate": "aa"}) == []
    assert changed_values({"params:rate": "aa", "params:gone": "bb"}, {"params:rate": "cc"}) == ["rate"]
    assert changed_values({"parameters": "aa"}, {"parameters": "bb"}) == ["parameters"]


def test_a_node_of_the_same_name_in_another_pipeline_pins_nothing() -> None:
    """Its outputs differ, so the run reuses those of its own pipeline's node."""
    other = make_node("a", ["raw"], ["other"])
    both = document([*CHAIN, other], VERSIONED, {"__default__": [0, 1, 2], "elsewhere": [3]})
    first, _ = make_plan(both, {}, FIRST, ALLOWED)
    plan, _ = make_plan(both, {}, SECOND, ALLOWED, Earlier(first, view_of(succeeded=[0]), {}))
    assert [group.load_versions for group in plan.groups] == [{"x": FIRST}, {"y": SECOND}]


def test_a_request_to_resume_means_what_the_run_before_meant_unless_it_says_otherwise() -> None:
    before = {"pipeline": "ds", "tags": ["t"], "params": {"a": 1}, "max_workers": 2, "description": "mine"}
    resume = {"resume_from": FIRST}
    kept = {"pipeline": "ds", "tags": ["t"], "params": {"a": 1}, "max_workers": 2}
    assert resumed_request(resume, before) == {**resume, **kept}
    assert resumed_request({**resume, "params": {}, "max_workers": 9}, before) == {
        **resume,
        **kept,
        "params": {},
        "max_workers": 9,
    }
    assert resumed_request({**resume, "pipelines": ["dp"]}, before) == {
        **resume,
        "pipelines": ["dp"],
        "params": {"a": 1},
        "max_workers": 2,
    }


def looked_at(name: str = "raw", digest: str = "d") -> dict[str, dict[str, Any]]:
    """Return what a request says of an input that was written between the first run and the second."""
    return {name: {"at": run_moment("2026-11-21T13.11.00.124Z"), "digest": digest}}


FILE = read_shown(looked_at())


def test_a_node_that_read_an_input_before_it_was_last_written_runs_again() -> None:
    first, second = done(CHAIN[0]), done(CHAIN[0], run_id=SECOND)
    why = "'raw' is newer: it was written at 2026-11-21T13.11.00.124Z"
    assert newer_inputs(CHAIN, first, FILE, {}) == {"a": why}
    assert newer_inputs(CHAIN, second, FILE, {}) == {}
    assert newer_inputs(CHAIN, {}, FILE, {}) == {}


def test_a_node_runs_again_if_an_older_version_of_its_input_came_back_or_a_file_of_it_went() -> None:
    second = done(CHAIN[0], run_id=SECOND)
    assert (
        newer_inputs(CHAIN, second, FILE, {"raw": "d"}) == newer_inputs(CHAIN, done(CHAIN[0]), FILE, {"raw": "d"}) == {}
    )
    assert newer_inputs(CHAIN, second, FILE, {"raw": "e"}) == {"a": "'raw' has changed in its storage"}


@pytest.mark.parametrize(("at", "newer"), [(0, True), (1, False), (-1, False), (-1000, False)])
def test_what_an_object_store_says_to_the_second_may_have_been_written_at_its_end(at: int, newer: bool) -> None:
    moment = run_moment(FIRST) // 1000 * 1000
    began = done(CHAIN[0], run_id=run_id_at(moment + 998))
    shown = read_shown({"raw": {"at": moment + at, "digest": "d"}})
    assert bool(newer_inputs(CHAIN, began, shown, {})) is newer
    assert not newer_inputs(CHAIN, done(CHAIN[0], run_id=run_id_at(moment + 999)), shown, {})


def test_what_the_run_itself_makes_is_not_looked_at_and_transcoding_makes_no_difference() -> None:
    assert newer_inputs(CHAIN, done(*CHAIN), read_shown(looked_at("x")), {}) == {}
    spark = [replace(CHAIN[0], inputs=("raw@spark",))]
    assert newer_inputs(spark, done(*spark), read_shown(looked_at("raw@pandas")), {}).keys() == {"a"}


def test_a_split_node_runs_again_if_its_input_is_newer_than_its_oldest_slice() -> None:
    before = {"a[1/2]": Reused("s raw", FIRST), "a[2/2]": Reused("s raw", SECOND)}
    assert newer_inputs(CHAIN, before, FILE, {}).keys() == {"a"}


def test_a_resumed_run_says_which_input_is_newer() -> None:
    graph = document(CHAIN)
    plan, _ = make_plan(graph, {}, FIRST, ALLOWED)
    earlier = Earlier(plan, view_of(succeeded=[0, 1]), {})
    _, resumed = make_plan(graph, {"resume_from": FIRST, "stored": looked_at()}, SECOND, ALLOWED, earlier)
    assert resumed is not None
    assert resumed.again["a"] == "'raw' is newer: it was written at 2026-11-21T13.11.00.124Z"
    assert resumed.reused == {}


class _Counted(dict[str, Dataset]):
    """Datasets that count how often somebody looks for one."""

    looks = 0

    def __contains__(self, name: object) -> bool:
        self.looks += 1
        return super().__contains__(name)


def test_a_long_chain_in_memory_is_looked_at_a_few_times_and_not_once_for_each_of_its_nodes() -> None:
    nodes = [make_node(f"n{index}", [f"d{index}"], [f"d{index + 1}"]) for index in range(300)]
    datasets = _Counted({f"d{index}": Dataset("pickle", "memory", versioned=False) for index in range(1, 301)})
    changes = Changes(made={"n299": "its code has changed"})
    assert len(resumption(FIRST, nodes, datasets, done(*nodes), changes).again) == 300
    assert datasets.looks < 10 * 300
