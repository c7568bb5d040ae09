"""A node on many machines: its groups, their parents, refusals, and what a resumed run repeats."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag import rules
from dag.document import Dataset, GraphDocument, Node
from dag.errors import DagError, RunTooLargeError
from dag.payload import payload
from dag.plan import PLAN_FORMAT, SLICED_PLAN_FORMAT, Plan, dump_plan, load_plan
from dag.preview import preview
from dag.request import Earlier, make_plan
from dag.shards import Mark
from dag.slices import Slice, read_slice, read_unit, slice_of, unit
from dag.submission import pack, refuse_oversized, submission

from .build import ALLOWED, RUN_ID, document, plan, view_of
from .graphs import make_node

LATER, LAST = "2026-11-23T00.00.00.000Z", "2026-11-24T00.00.00.000Z"
PARTS = Dataset("partitions.PartitionedDataset", "remote", versioned=False, partitions="kept")
OVERWRITTEN = replace(PARTS, partitions="overwritten")
MEMORY = Dataset("MemoryDataset", "memory", versioned=False)


def split(node: Node, how: Any, **more: Any) -> Node:
    return replace(node, resources={"split": how, **more})


def chain(how: Any = 3, below: Any = 3, **run: Any) -> GraphDocument:
    """Return a document of four nodes: make → clean, split → score, split → report."""
    nodes = [
        make_node("make", ["source"], ["raw"]),
        split(make_node("clean", ["raw", "params:x"], ["cleaned"]), how),
        split(make_node("score", ["cleaned", "model"], ["scores"]), below),
        make_node("report", ["scores"], ["final"]),
    ]
    return document(nodes, dict.fromkeys(("raw", "cleaned", "scores"), PARTS), **run)


def titles(of: Plan) -> list[str]:
    return [group.title for group in of.groups]


def waits(of: Plan) -> dict[str, list[str]]:
    return {group.title: [of.groups[parent].title for parent in group.parents] for group in of.groups}


def test_a_node_is_made_so_many_groups_and_what_follows_waits_for_all() -> None:
    assert waits(plan(chain(3, None), {})) == {
        "make": [],
        "clean[1/3]": ["make"],
        "clean[2/3]": ["make"],
        "clean[3/3]": ["make"],
        "score": ["clean[1/3]", "clean[2/3]", "clean[3/3]"],
        "report": ["score"],
    }


def test_a_chain_that_is_split_alike_goes_slice_by_slice() -> None:
    assert waits(plan(chain(2, 2), {})) == {
        "make": [],
        **{f"clean[{number}/2]": ["make"] for number in (1, 2)},
        **{f"score[{number}/2]": [f"clean[{number}/2]"] for number in (1, 2)},
        "report": ["score[1/2]", "score[2/2]"],
    }


@pytest.mark.parametrize(("how", "below"), [(2, 3), ({"into": 2, "ids": "new"}, 2)])
def test_a_chain_of_other_widths_or_other_ids_waits_for_all(how: Any, below: Any) -> None:
    found = waits(plan(chain(how, below), {}))
    assert found["score[1/2]" if below == 2 else "score[1/3]"] == ["clean[1/2]", "clean[2/2]"]


def test_what_reads_a_split_node_s_output_whole_or_transcoded_waits_for_all() -> None:
    nodes = [
        split(make_node("a", ["raw"], ["x@one", "whole"]), 2),
        split(make_node("b", ["x@two"], ["y"]), 2),
        split(make_node("c", ["whole", "other"], ["z"]), {"into": 2, "over": "other"}),
    ]
    names = ("raw", "x@one", "x@two", "y", "whole", "other", "z")
    found = waits(plan(document(nodes, dict.fromkeys(names, PARTS)), {}))
    assert found["b[1/2]"] == found["c[2/2]"] == ["a[1/2]", "a[2/2]"]


def test_one_slice_is_the_whole_node_and_null_takes_a_split_back() -> None:
    assert titles(plan(chain(1, None), {})) == ["make", "clean", "score", "report"]
    request = {"params": {"aws_batch": {"resources": {"nodes": {"clean": {"split": None}, "score": {"split": 1}}}}}}
    assert titles(plan(chain(), request)) == ["make", "clean", "score", "report"]
    assert plan(chain(), {}).node_count == plan(chain(), request).node_count == 4


def test_a_plan_with_slices_is_kept_whole_in_a_format_that_older_releases_refuse() -> None:
    whole, unsplit = plan(chain({"into": 3, "ids": "new"}), {}), plan(chain(None, None), {})
    assert load_plan(dump_plan(whole)) == whole
    assert load_plan(dump_plan(unsplit)) == unsplit
    formats = [json.loads(zlib.decompress(dump_plan(one)))["format"] for one in (whole, unsplit)]
    assert formats == [SLICED_PLAN_FORMAT, PLAN_FORMAT]


def test_a_job_is_told_its_slice_in_a_format_that_older_images_refuse() -> None:
    whole = plan(chain({"into": 3, "ids": "new"}, None), {})
    told = payload(whole, [Mark(0), Mark(3)])
    assert told["format"] == 2
    assert "slice" not in told["groups"][0]
    assert read_slice(told["groups"][1]["slice"]) == Slice(3, 3, {"clean": "raw"}, ("clean",))
    assert payload(whole, [Mark(0)])["format"] == 1


def test_a_node_split_fifty_ways_is_one_submission() -> None:
    whole = plan(chain(50, None), {})
    jobs = pack(whole, [Mark(index) for index in range(1, 51)])
    assert [(job.is_array, len(job.marks)) for job in jobs] == [(True, 50)]
    assert "--1-0a0--clean" in jobs[0].request["jobName"]
    assert submission(whole, Mark(7)).request["jobName"].endswith("--7-0--clean-7-50")


def test_ten_thousand_slices_fit_what_aws_takes() -> None:
    whole = plan(chain(10_000, None), {})
    refuse_oversized(whole)
    (job,) = pack(whole, [Mark(index) for index in range(1, 10_001)])
    assert len(job.marks) == 10_000
    assert '"ask"' in str(job.request["containerOverrides"]["environment"][0]["value"])
    assert len(dump_plan(whole)) < 400_000


@pytest.mark.parametrize(("how", "below"), [(10_000, 9_999), ({"into": 5_000, "ids": "new"}, 5_000)])
def test_more_edges_than_a_plan_holds_are_refused(how: Any, below: Any) -> None:
    with pytest.raises(
        RunTooLargeError, match=r"edges; 1,000,000 is the most. Split the nodes of a chain into as many"
    ):
        plan(chain(how, below), {})
    assert len(plan(chain(10_000, 10_000), {}).groups) == 20_002  # which goes slice by slice


def test_edges_are_counted_by_the_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dag.splitting.MOST_EDGES", 6)
    assert len(plan(chain(2, 2), {}).groups) == 6
    with pytest.raises(RunTooLargeError, match="along 11 edges; 6 is the most"):
        plan(chain(2, 3), {})


def test_a_run_of_too_many_slices_is_refused() -> None:
    nodes = [split(make_node(f"n{one}", ["raw"], [f"o{one}"]), 10_000) for one in range(11)]
    parts = dict.fromkeys(("raw", *(f"o{one}" for one in range(11))), PARTS)
    with pytest.raises(RunTooLargeError, match=r"110,000 groups; 100,000 is the most.*or split them into fewer"):
        plan(document(nodes, parts), {})


def refusal(node: Node, datasets: dict[str, Dataset], *more: Node, **run: Any) -> str:
    with pytest.raises(DagError) as refused:
        plan(document([node, *more], datasets, **run), {})
    return str(refused.value)


def test_what_would_be_wrong_is_refused_with_what_to_do_about_it() -> None:
    kept = {"raw": PARTS, "out": PARTS, "more": PARTS}
    clean = split(make_node("clean", ["raw", "model", "params:x"], ["out"]), 5)
    cases = [
        (clean, {**kept, "raw": MEMORY}, "'raw' (in memory), 'model' (pickle.PickleDataset). Make one a partitions.P"),
        (clean, {"out": PARTS}, "node 'clean': is split, but none of its inputs has partitions: it reads 'raw'"),
        (
            split(make_node("clean", ["raw", "more"], ["out"]), 5),
            kept,
            "several of its inputs have partitions: 'raw', 'more'. Say which: split: {into: 5, over: raw}.",
        ),
        (
            split(make_node("clean", ["raw", "raw"], ["out"]), 5),
            kept,
            "is split over 'raw', which it reads twice: its jobs would have a slice in both places. Read 'raw@slice'",
        ),
        (split(clean, {"into": 5, "over": "rew"}), kept, "over 'rew', which it doesn't read. Did you mean 'raw'?"),
        (split(clean, {"into": 5, "over": "params:x"}), kept, "over 'params:x', which it doesn't read."),
        (
            split(clean, {"into": 5, "over": "model"}),
            kept,
            "over 'model' (pickle.PickleDataset), which has no partitions. Make it a partitions.PartitionedDataset in",
        ),
        (
            clean,
            {"raw": PARTS},
            "is split, but each of its jobs would overwrite the others' 'out' (pickle.PickleDataset). Make it a",
        ),
        (clean, {"raw": PARTS, "out": MEMORY}, "would overwrite the others' 'out' (in memory)."),
        (
            clean,
            {"raw": PARTS, "out": OVERWRITTEN},
            "each of its jobs would delete what the others saved: 'out' has overwrite: true. Remove that from conf/aws",
        ),
        (replace(clean, confirms=("raw",)), kept, "is split, but 'clean' confirms 'raw': only the job that loaded"),
    ]
    for node, datasets, said in cases:
        assert said in refusal(node, datasets)
    assert "job_command 'kedro-run' can't tell a job its slice" in refusal(clean, kept, job_command="kedro-run")
    assert "'end' confirms 'raw'" in refusal(clean, kept, replace(make_node("end", ["out"], []), confirms=("raw",)))


def test_what_a_node_reads_is_named_also_if_it_is_nothing_or_not_in_the_catalog() -> None:
    kept = {"raw": PARTS, "out": PARTS}
    clean = split(make_node("clean", ["raw", "model", "params:x"], ["out"]), {"into": 5, "over": "zzz"})
    nothing = replace(clean, inputs=("params:x",))
    assert "'zzz', which it doesn't read. It reads 'raw', 'model'." in refusal(clean, kept)
    assert "'zzz', which it doesn't read. It reads nothing." in refusal(nothing, kept)
    assert "none of its inputs has partitions: it reads nothing." in refusal(split(nothing, 5), kept)

    def unknown(name: str, how: Any) -> str:
        of = document([split(clean, how)], kept)
        with pytest.raises(DagError) as refused:
            plan(replace(of, datasets={key: value for key, value in of.datasets.items() if key != name}), {})
        return str(refused.value)

    assert "over 'model' (in memory), which has no partitions." in unknown("model", {"into": 5, "over": "model"})
    assert "would overwrite the others' 'out' (in memory)." in unknown("out", 5)


def test_nodes_that_share_a_job_are_split_alike_and_need_no_other_slice() -> None:
    def together(first: Any, second: Any, reads: Sequence[str] = ("x",), name: str = "x") -> str | list[str]:
        nodes = [
            split(make_node("a", ["raw"], [name], tags=["t"]), first),
            split(make_node("b", reads, ["y"], tags=["t"]), second),
        ]
        of = document(nodes, dict.fromkeys(("raw", name, *reads, "y"), PARTS), group_by=["tag:t"])
        try:
            return titles(plan(of, {}))
        except DagError as error:
            return str(error)

    assert together(2, 2) == ["a[1/2] (+1)", "a[2/2] (+1)"]
    for first, second in ((2, 3), (2, None), (None, 3)):
        assert "share a job, but are not all split into as many slices" in together(first, second)
    assert "'a' writes new ids to 'x', which may belong to another" in together({"into": 2, "ids": "new"}, 2)
    over_raw = {"into": 2, "over": "raw"}
    assert "share a job that has only a slice of 'x', but 'b' needs all" in together(2, over_raw, ["raw", "x"])
    assert "a slice of 'raw', but 'b' needs all" in together(2, {"into": 2, "over": "x"}, ["raw", "x"])
    assert "a slice of 'x@two', but 'b' needs all" in together(2, 2, ["x@two"], "x@one")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "must be a number of jobs from 1 to 10,000, or like {into: 50, over: raw_images}, not 0"),
        (10_001, "from 1 to 10,000"),
        (True, "must be a number of jobs"),
        ("many", "must be a number of jobs"),
        ({"partitions": 20}, "can't say how many partitions a job gets: the number of jobs might then be known only"),
        ({"into": 10_001}, "into must be a whole number from 1 to 10000, not 10001"),
        ({"over": "raw"}, "into must be a whole number from 1 to 10000, not None"),
        ({"into": 5, "ober": "raw"}, "has 'ober', but takes into, over and ids. Did you mean 'over'?"),
        ({"into": 5, "over": 3}, "over must name a dataset, not 3"),
        ({"into": 5, "ids": "some"}, "takes ids: same or new, not 'some'"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(value: Any, said: str) -> None:
    assert said in str(rules.split(value))


@given(st.text(), st.integers(1, 10_000))
def test_a_partition_falls_into_one_slice(partition: str, into: int) -> None:
    assert 1 <= slice_of(partition, into) <= into
    assert Slice(slice_of(partition, into), into, {}).holds(partition)


def test_slices_never_change_and_share_evenly() -> None:
    assert [slice_of(one, 50) for one in ("a", "2026/11/data.csv", "größe/模型", "\udcff")] == [1, 15, 28, 36]
    sizes = Counter(slice_of(f"image_{number:06}", 50) for number in range(100_000))
    assert len(sizes) == 50
    assert max(sizes.values()) < 1.1 * 2_000


@given(st.text(min_size=1), st.integers(1, 99), st.integers(1, 99))
def test_a_slice_s_name_is_read_back(node: str, number: int, into: int) -> None:
    assert read_unit(unit(node, Slice(number, into, {}))) == (node, number, into)
    assert read_unit("clean") is None


class Run:
    """A run in which the named groups have succeeded, and the runs that resume it."""

    def __init__(self, of: GraphDocument, succeeded: Sequence[str], run_id: str = RUN_ID, before: Run | None = None):
        self.plan, self.resumed = make_plan(of, {}, run_id, ALLOWED, before.earlier if before else None)
        names = titles(self.plan)
        assert set(succeeded) <= set(names)
        view = view_of(succeeded=[names.index(name) for name in succeeded])
        self.earlier: Earlier = Earlier(self.plan, view, {})


def test_a_resumed_run_does_the_slices_again_that_had_not_succeeded() -> None:
    of = chain(4, None)
    first = Run(of, ["make", "clean[1/4]", "clean[4/4]"])
    second = Run(of, ["clean[2/4]"], LATER, first)
    assert waits(second.plan) == {
        "clean[2/4]": [],
        "clean[3/4]": [],
        "score": ["clean[2/4]", "clean[3/4]"],
        "report": ["score"],
    }
    assert second.resumed
    assert second.resumed.again["clean"] == "2 of its 4 slices have not succeeded"
    third = Run(of, ["clean[3/4]"], LAST, second)
    assert titles(third.plan) == ["clean[3/4]", "score", "report"]
    assert {name: one.run_id for name, one in third.plan.reused.items()} == {
        "make": RUN_ID,
        "clean[1/4]": RUN_ID,
        "clean[2/4]": LATER,
        "clean[4/4]": RUN_ID,
    }
    fourth = Run(of, [], "2026-11-25T00.00.00.000Z", third)
    assert titles(fourth.plan) == ["score", "report"]
    assert fourth.plan.reused["clean"].run_id == LAST


def test_versioned_partitions_are_of_one_run_so_all_slices_are_done_again() -> None:
    of = chain(4, None)
    of = replace(of, datasets={**of.datasets, "cleaned": replace(of.datasets["cleaned"], versioned=True)})
    first = Run(of, ["make", "clean[1/4]", "clean[4/4]"])
    second = Run(of, [], LATER, first)
    assert titles(second.plan)[:4] == [f"clean[{number}/4]" for number in range(1, 5)]
    assert second.plan.groups[4].load_versions == {"cleaned": LATER}


def test_a_resumed_chain_goes_on_slice_by_slice() -> None:
    of = chain(3, 3)
    first = Run(of, ["make", "clean[1/3]", "clean[2/3]", "score[1/3]"])
    assert waits(Run(of, [], LATER, first).plan) == {
        "clean[3/3]": [],
        "score[2/3]": [],
        "score[3/3]": ["clean[3/3]"],
        "report": ["score[2/3]", "score[3/3]"],
    }


@pytest.mark.parametrize(
    "now", [chain(4, None), chain({"into": 3, "over": "other"}, None), chain({"into": 3, "ids": "new"}, None)]
)
def test_slices_of_another_split_are_done_again(now: GraphDocument) -> None:
    over = now.nodes[1].resources["split"]
    if isinstance(over, dict) and over.get("over"):
        nodes = [*now.nodes[:1], replace(now.nodes[1], inputs=("raw", "params:x", "other")), *now.nodes[2:]]
        now = replace(now, nodes=tuple(nodes), datasets={**now.datasets, "other": PARTS})
    first = Run(chain(3, None), ["make", "clean[1/3]"])
    again = Run(now, [], LATER, first)
    kept = not isinstance(over, dict) or "over" in over
    assert len([name for name in titles(again.plan) if name.startswith("clean")]) == (
        (over if isinstance(over, int) else over["into"]) if kept else 2
    )


def test_slices_are_done_again_whose_parameters_or_parents_have_changed() -> None:
    of = chain(3, None)
    first = Run(of, ["make", "clean[1/3]"])
    changed = make_plan(of, {"params": {"x": 2}}, LATER, ALLOWED, first.earlier)[0]
    assert titles(changed) == ["clean[1/3]", "clean[2/3]", "clean[3/3]", "score", "report"]
    cut = Run(of, [], LATER, Run(of, []))
    assert len(titles(cut.plan)) == 6
    lost = replace(of, nodes=(replace(of.nodes[0], inputs=("another",)), *of.nodes[1:]))
    assert "clean[1/3]" in titles(Run(lost, [], LATER, first).plan)


def test_a_preview_says_what_is_split() -> None:
    found = preview(chain(50, 50), {})
    assert (found.nodes, len(found.groups)) == (4, 102)
    assert [group.slice for group in found.groups if group.nodes == ("clean",)][:2] == ["1/50", "2/50"]
    assert [len(job.groups) for job in found.jobs] == [1, 50, 50, 1]


@pytest.mark.parametrize(("below", "in_parts"), [(3, ("score",)), (4, ())])
def test_a_slice_knows_that_its_input_is_made_slice_by_slice(below: int, in_parts: tuple[str, ...]) -> None:
    parts = [group.part for group in plan(chain(3, below), {}).groups if group.nodes == ("score",)]
    assert {part and part.in_parts for part in parts} == {in_parts}
    above = [group.part for group in plan(chain(3, below), {}).groups if group.nodes == ("clean",)]
    assert {part and part.passed_on for part in above} == {("cleaned",) if in_parts else ()}
    assert all(part and read_slice(part.as_json()) == part for part in parts)


def test_nodes_that_share_a_job_pass_on_their_slice_within_it() -> None:
    nodes = [
        split(make_node("a", ["raw"], ["x"], tags=["t"]), 2),
        split(make_node("b", ["x"], ["y"], tags=["t"]), 2),
    ]
    parts = [
        group.part
        for group in plan(document(nodes, dict.fromkeys("xy", PARTS) | {"raw": PARTS}, group_by=["tag:t"]), {}).groups
    ]
    assert [(part.in_parts, part.passed_on) for part in parts if part] == [(("b",), ("x",))] * 2
