from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner.runner import _find_nodes_to_resume_from

from kedro_aws_batch.graph.datasets import CatalogDataset
from kedro_aws_batch.launch.suggestion import nodes_to_resume_from


class Kept(MemoryDataset):
    _EPHEMERAL = False

    def __init__(self) -> None:
        super().__init__()
        self._EPHEMERAL = False


def nothing(*_: Any) -> int:
    return 0


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[Pipeline, set[str], set[str]]:
    """Return a pipeline, its finished nodes, and its persistent datasets."""
    size = draw(st.integers(1, 9))
    nodes, done = [], set()
    for index in range(size):
        inputs = sorted(draw(st.sets(st.integers(0, index - 1), max_size=3))) if index else []
        nodes.append(node(nothing, [f"d{one}" for one in inputs] or None, f"d{index}", name=f"n{index}"))
        if all(f"n{one}" in done for one in inputs) and draw(st.booleans()):
            done.add(f"n{index}")
    return Pipeline(nodes), done, draw(st.sets(st.sampled_from([f"d{index}" for index in range(size)])))


@given(pipelines())
def test_the_suggestion_is_kedro_s_own(case: tuple[Pipeline, set[str], set[str]]) -> None:
    pipeline, done, persistent = case
    catalog = DataCatalog({name: Kept() if name in persistent else MemoryDataset() for name in pipeline.datasets()})
    unfinished = [one for one in pipeline.nodes if one.name not in done]
    expected = _find_nodes_to_resume_from(pipeline, unfinished, cast("Any", catalog)) if unfinished else set()
    datasets = {
        name: CatalogDataset("x", "remote" if name in persistent else "memory", versioned=False)
        for name in pipeline.datasets()
    }
    assert nodes_to_resume_from(pipeline, done, datasets) == sorted(expected)
