"""Which jobs are drawn as one, and in which order of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from kedro_aws_batch.prices import Prices
from kedro_aws_batch.report.content import content
from kedro_aws_batch.report.folds import MOST, Fold, fold_jobs, layers, leaves, rows_of
from kedro_aws_batch.report.graph import arranged

from . import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kedro_aws_batch.report.folds import Item
    from kedro_aws_batch.report.rows import Row


def rows_for(groups: list[dict[str, Any]]) -> tuple[Row, ...]:
    return content(runs.run(groups), Prices(), lambda _: None).rows


def items_of(size: int, name: Callable[[int], str], parents: Callable[[int], list[int]]) -> tuple[Item, ...]:
    return fold_jobs(rows_for([runs.group(one, *parents(one), nodes=[name(one)], depth=1) for one in range(size)]))


def labels(items: Sequence[Item]) -> list[str]:
    return [
        f"{item.label}: {len(item.rows)}" if isinstance(item, Fold) else item.group.labels[0]  # what is seen folded
        for item in items
    ]


def indices(items: Sequence[Item]) -> list[int]:
    return sorted(row.group.index for item in items for row in rows_of(item))


def no_parents(_index: int) -> list[int]:
    return []


def chain(index: int) -> list[int]:
    return [index - 1] if index else []


def test_a_run_that_is_not_large_is_drawn_job_by_job() -> None:
    items = items_of(MOST, lambda index: f"space_{index % 5}.node_{index}", no_parents)
    assert labels(items) == [f"space_{index % 5}.node_{index}" for index in range(MOST)]


def test_a_large_run_folds_by_its_outermost_namespaces_and_they_by_theirs_where_they_are_large() -> None:
    names = [*(f"etl.big.part_{one % 2}.n{one}" for one in range(100)), *(f"etl.small.n{one}" for one in range(10))]
    groups = [runs.group(one, nodes=[name]) for one, name in enumerate([*names, "etl.alone"])]
    big, small, alone = fold_jobs(rows_for(groups))
    assert labels([big, small, alone]) == ["etl.big: 100", "etl.small: 10", "etl.alone"]
    assert isinstance(big, Fold)
    assert isinstance(small, Fold)
    assert labels(big.inside) == ["part_0: 50", "part_1: 50"]
    assert labels(small.inside) == names[100:]


def test_many_jobs_without_a_namespace_fold_by_the_steps_at_which_they_come() -> None:
    items = items_of(800, lambda index: f"node_{index}", chain)
    assert (labels(items)[0], labels(items)[-1], len(items)) == ("steps 1–66: 66", "steps 793–800: 8", 13)
    assert indices(items) == list(range(800))
    wide = items_of(800, lambda index: f"node_{index}", lambda index: [0] if index else [])
    assert labels(wide) == ["node_0", "step 2: 799"]


def test_jobs_beside_namespaces_fold_by_steps_only_where_they_are_many() -> None:
    def beside(loose: int) -> list[str]:
        return labels(items_of(100, lambda one: f"node_{one}" if one < loose else f"space.node_{one}", chain))

    assert beside(70)[0] == "space: 30"
    assert (beside(70)[1], beside(70)[-1]) == ("steps 1–5: 5", "steps 66–70: 5")
    assert beside(59) == ["space: 41", *(f"node_{one}" for one in range(59))]


def test_jobs_that_follow_nothing_of_each_other_are_not_folded_further() -> None:
    assert len(items_of(800, lambda index: f"node_{index}", no_parents)) == 800


def test_more_namespaces_than_can_be_seen_at_once_fold_by_steps() -> None:
    items = items_of(400, lambda index: f"space_{index // 2}.node_{index}", chain)
    assert [isinstance(item, Fold) and item.kind for item in items] == ["steps"] * len(items)
    assert len(items) <= MOST


def test_the_slices_of_a_node_are_one_however_small_the_run_is() -> None:
    slices = [runs.group(one, 0, nodes=["a.clean"], slice={"number": one, "into": 3}) for one in (1, 2, 3)]
    first, second = fold_jobs(rows_for([runs.group(0), *slices]))
    assert labels([first, second]) == ["node_0", "a.clean: 3"]
    assert isinstance(second, Fold)
    assert (second.kind, list(leaves(second))) == ("slices", [second])
    assert labels(second.inside) == ["a.clean[1/3]", "a.clean[2/3]", "a.clean[3/3]"]


def test_a_job_of_several_nodes_is_in_the_namespace_that_they_share() -> None:
    groups = [runs.group(one, nodes=["a.b.x", "a.c.y"] if one else ["z.n"]) for one in range(MOST + 1)]
    assert labels(fold_jobs(rows_for(groups))) == ["z.n", f"a: {MOST}"]


def test_a_fold_keeps_its_key_while_the_run_moves() -> None:
    def keys(status: str) -> list[str]:
        groups = [
            runs.group(one, *chain(one), nodes=[f"s{one % 3}.n"], depth=900 - one, status=status) for one in range(200)
        ]
        return [item.key for item in fold_jobs(rows_for(groups)) if isinstance(item, Fold)]

    assert keys("RUNNING") == keys("SUCCEEDED") == ["/s0", "/s1", "/s2"]


@given(st.integers(1, 300), st.integers(0, 1000))
def test_no_job_is_lost_and_no_fold_is_alone_or_too_large(size: int, seed: int) -> None:
    rows = content(runs.large(size, seed), Prices(), lambda _: None).rows
    items = fold_jobs(rows)
    assert indices(items) == list(range(size))
    inner = list(items)
    keys = []
    while inner:
        item = inner.pop()
        if isinstance(item, Fold):
            assert len(item.rows) > 1
            assert len(item.inside) <= MOST or len(arranged(item.inside)) == 1
            keys.append(item.key)
            inner.extend(item.inside)
    assert len(set(keys)) == len(keys)


@given(st.integers(1, 60), st.integers(0, 1000))
def test_each_box_is_below_all_that_it_follows(size: int, seed: int) -> None:
    rows = content(runs.large(size, seed), Prices(), lambda _: None).rows
    layer = {index: number for number, items in enumerate(arranged(rows)) for index in indices(items)}
    assert len(layer) == size
    assert all(layer[parent] < layer[row.group.index] for row in rows for parent in row.group.parents)


def test_namespaces_that_wait_for_each_other_are_arranged_too() -> None:
    assert layers({"a": {"b"}, "b": {"a"}, "c": {"a", "c"}}) == {"a": 0, "b": 1, "c": 1}
    names = ["a.one", "b.two", "a.three", *(f"c.n{number}" for number in range(MOST))]
    items = fold_jobs(rows_for([runs.group(one, *chain(one), nodes=[name]) for one, name in enumerate(names)]))
    assert [labels(layer) for layer in arranged(items)] == [["a: 2"], ["b.two", f"c: {MOST}"]]


def test_boxes_stand_near_what_they_follow() -> None:
    rows = rows_for([runs.group(0), runs.group(1), runs.group(2, 1), runs.group(3, 0)])
    assert [[item.group.index for item in layer if not isinstance(item, Fold)] for layer in arranged(rows)] in (
        [[0, 1], [3, 2]],
        [[1, 0], [2, 3]],
    )
