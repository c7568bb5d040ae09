"""Of which datasets a run of a request needs to know the state, and who says what that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from dag.document import Dataset, GraphDocument
from dag.meaning import stored_of, to_ask
from dag.stored import Shown
from tests.dag.build import document
from tests.dag.graphs import make_node

RUN_ID = "2026-11-22T13.11.00.123Z"
REMOTE, MEMORY = Dataset("x", "remote", versioned=False), Dataset("x", "memory", versioned=False)


def graph(**run: Any) -> GraphDocument:
    """Return a chain of three nodes, of which the last confirms what it reads besides."""
    nodes = [
        make_node("first", ["raw@one"], ["middle"]),
        make_node("second", ["middle"], ["final", "held"]),
        make_node("third", ["final", "partitions", "held"], ["done"]),
    ]
    nodes[2] = replace(nodes[2], confirms=("partitions",))
    made = document(nodes)
    names = ("raw@one", "middle", "final", "partitions", "done")
    datasets = {**dict.fromkeys(names, REMOTE), "held": MEMORY}
    pipelines = {"__default__": (0, 1, 2), "ending": (1, 2)}
    return replace(made, datasets=datasets, pipelines=pipelines, run={**made.run, **run})


@pytest.mark.parametrize(
    ("request_", "earlier", "asked"),
    [
        ({}, {}, set()),
        ({"reuse": False}, {}, set()),
        ({"reuse": True}, {}, {"raw@one", "middle", "final", "done"}),
        ({"reuse": True, "pipelines": ["ending"]}, {}, {"middle", "final", "done"}),
        ({"reuse": True, "pipeline": "ending"}, {}, {"middle", "final", "done"}),
        ({"resume_from": RUN_ID}, {}, {"raw@one", "middle", "final", "done"}),
        ({"resume_from": RUN_ID}, {"pipeline": "ending"}, {"middle", "final", "done"}),
        ({"reuse": True}, {"pipeline": "ending"}, {"raw@one", "middle", "final", "done"}),
    ],
)
def test_a_run_needs_its_inputs_and_outputs_if_it_reuses_or_resumes(
    request_: Mapping[str, Any], earlier: Mapping[str, Any], asked: set[str]
) -> None:
    assert to_ask(graph(), request_, earlier) == asked


def test_a_run_that_does_not_reuse_needs_its_inputs_for_the_next_one_if_that_does() -> None:
    assert to_ask(graph(reuse=True), {"reuse": False}, {}) == {"raw@one"}
    assert to_ask(graph(), {}, {}, notes=True) == {"raw@one"}


def test_what_a_request_says_counts_and_without_that_somebody_asks_if_there_is_anything_to_ask() -> None:
    asked: list[Collection[str]] = []

    def ask(names: Collection[str]) -> Shown | str:
        asked.append(names)
        return "nobody may ask"

    told = {"x": {"untold": "it does not exist"}}
    assert stored_of(graph(), {"reuse": True, "stored": told}, ask) == Shown({}, {"x": "it does not exist"})
    assert stored_of(graph(), {"reuse": True, "stored": {}}, ask) == Shown()
    assert stored_of(graph(), {}, ask) is None
    assert stored_of(graph(), {"reuse": True}, None) is None
    assert asked == []
    assert stored_of(graph(), {"reuse": True, "pipeline": "ending"}, ask) == "nobody may ask"
    assert asked == [{"middle", "final", "done"}]
