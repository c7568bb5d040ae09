"""The graph's boxes: what they say, and how they are in the page; and the timeline's bands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.status import GroupStatus
from kedro_aws_batch.prices import Prices
from kedro_aws_batch.report.content import Content, content
from kedro_aws_batch.report.graph import SIGNS, Box, Frame, parts
from kedro_aws_batch.report.page import render
from kedro_aws_batch.report.timeline import Span, joined

from . import runs

if TYPE_CHECKING:
    from kedro_aws_batch.client import RunState


def told(state: RunState) -> Content:
    return content(state, Prices(), lambda _: None)


def spaces(size: int, **more: Any) -> RunState:
    """A run of namespaces of forty jobs each, every namespace a chain; the second one's first job is as told."""
    groups = [
        runs.group(one, *([one - 1] if one % 40 else []), nodes=[f"space_{one // 40}.node_{one}"], depth=1)
        for one in range(size)
    ]
    groups[40] |= more
    return runs.run(groups, status="FAILED")


def test_each_state_has_a_sign_of_its_own() -> None:
    assert set(SIGNS) == {status.value for status in GroupStatus}
    assert len(set(SIGNS.values())) == len(SIGNS)


def test_a_job_says_what_it_is_and_why_it_failed() -> None:
    boxes = {box.row.group.index: box for layer in told(runs.failed()).graph for box in layer if isinstance(box, Box)}
    assert sorted(boxes) == [0, 1, 2, 3, 4, 5]
    assert (boxes[0].status, boxes[0].about) == ("SUCCEEDED", "ingest.companies: succeeded, 10.0 s")
    why = f"OutOfMemoryError: {runs.IMAGE} container killed due to memory usage (exit code 137)"
    assert boxes[2].about == f"{runs.SCRIPT}.train: failed, 10.0 s: {why}"
    assert boxes[5].about == "report: skipped"


def test_a_fold_has_the_state_that_tells_most_and_its_jobs_leave_out_its_name() -> None:
    page = told(spaces(80, status="FAILED"))
    first, second = (box for layer in page.graph for box in layer if isinstance(box, Frame))
    assert (first.label, first.status, first.about) == ("space_0", "SUCCEEDED", "40 jobs: 40 succeeded")
    assert (second.label, second.status, second.about) == ("space_1", "FAILED", "40 jobs: 39 succeeded, 1 failed")
    assert second.counts == (("SUCCEEDED", 39), ("FAILED", 1))
    assert [box.label for layer in second.layers for box in layer][:2] == ["node_40", "node_41"]


def test_labels_may_be_broken_where_their_words_end() -> None:
    assert parts("a.train_model[1/2]") == ["a.", "train_", "model[1/", "2]"]


def test_a_fold_of_slices_leaves_out_the_namespace_that_is_around_it() -> None:
    slices = [runs.group(one, nodes=["a.clean"], slice={"number": one, "into": 2}) for one in (1, 2)]
    others = [runs.group(one, nodes=[f"{'ab'[one % 2]}.n{one}"]) for one in range(3, 70)]
    frames = [box for layer in told(runs.run([*slices, *others])).graph for box in layer if isinstance(box, Frame)]
    (inner,) = (box for layer in frames[0].layers for box in layer if isinstance(box, Frame))
    assert (inner.label, inner.about) == ("clean", "2 slices: 2 succeeded")
    assert [box.label for layer in inner.layers for box in layer] == ["clean[1/2]", "clean[2/2]"]


def test_names_of_others_are_escaped_in_the_graph_too() -> None:
    name = f"{runs.IMAGE}.{runs.SCRIPT}"
    page = render(told(runs.run([runs.group(one, nodes=[f"{name}{one % 2}.n_{one}"]) for one in range(90)])))
    assert (page.count("<details data-fold="), runs.IMAGE in page, runs.SCRIPT in page) == (2, False, False)


def test_eight_hundred_jobs_are_arranged_in_no_time() -> None:
    page = told(runs.large(800))
    began = time.process_time()
    assert len(page.graph) == 4
    assert time.process_time() - began < 1


def test_times_that_touch_are_one() -> None:
    assert joined([Span(5, 7), Span(0, 2), Span(2, 3), Span(1, 2)]) == [Span(0, 3), Span(5, 7)]
    assert joined([]) == []


def test_the_timeline_of_a_large_run_begins_with_a_band_for_each_namespace() -> None:
    rows = told(spaces(80, status="FAILED")).drawing()["rows"]
    bands = [row for row in rows if "inside" in row]
    assert [(band["i"], band["name"], band["inside"]) for band in bands] == [
        (-1, "space_0 · 40", list(range(40))),
        (-2, "space_1 · 40", list(range(40, 80))),
    ]
    ran = [[runs.START + 23_500, runs.START + 33_500]]
    assert (bands[0]["spans"]["SUCCEEDED"], bands[1]["spans"]["FAILED"]) == (ran, ran)
    assert (bands[0]["failures"], bands[1]["failures"]) == ([], [runs.START + 33_500])
    assert bands[1]["hover"] == "space_1, 40 jobs: 39 succeeded, 1 failed"
    inside = [row for row in rows if "inside" not in row]
    assert [row["band"] for row in inside] == [-1] * 40 + [-2] * 40
    assert not any("band" in row for row in bands)


def test_a_band_shows_its_part_of_the_critical_path() -> None:
    groups = [runs.group(one, *([one - 1] if one else []), nodes=[f"{'ab'[one // 40]}.n{one}"]) for one in range(80)]
    aside = runs.group(80, nodes=["b.aside"], depth=0)
    one, other = (row for row in told(runs.run([*groups, aside])).drawing()["rows"] if "inside" in row)
    assert (one["spans"]["path"][0][0], one["spans"]["path"][-1][1]) == (runs.START, groups[39]["ended_at"])
    assert (other["spans"]["path"][0][0], other["critical"]) == (groups[39]["ended_at"], False)


def test_a_node_that_is_split_is_a_band_before_its_slices() -> None:
    slices = [runs.group(one, 0, nodes=["clean"], slice={"number": one, "into": 2}) for one in (1, 2)]
    groups = [runs.group(0), slices[0], slices[1] | {"status": "FAILED"}, runs.group(3, 1, 2)]
    rows = told(runs.run(groups)).drawing()["rows"]
    assert [(row["i"], row["name"], row.get("band")) for row in rows] == [
        (0, "node_0", None),
        (-1, "clean", None),
        (1, "clean[1/2]", -1),
        (2, "clean[2/2]", -1),
        (3, "node_3", None),
    ]
    band = rows[1]
    assert (band["inside"], band["overview"]) == ([1, 2], False)
    assert (band["spans"]["SUCCEEDED"], band["spans"]["FAILED"]) == (
        rows[2]["spans"]["SUCCEEDED"],
        rows[3]["spans"]["FAILED"],
    )
    assert band["hover"] == "clean split 2: 1 succeeded, 1 failed"
