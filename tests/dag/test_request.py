"""From a request to a plan: pins, permissions and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dag.document import MOST_GROUPS, Dataset
from dag.errors import (
    DagError,
    GraphMismatchError,
    InvalidRequestError,
    NotAllowedError,
    RunTooLargeError,
)
from dag.plan import Group, Plan, RunSettings
from dag.request import Allowed, Earlier, make_plan
from dag.sizes import MemoryRetry
from dag.status import OnFailure

from .build import ALLOWED, RUN_ID, document, plan, view_of
from .graphs import make_node

MINE, OTHER = "2026-01-01T00.00.00.000Z", "2026-02-02T00.00.00.000Z"
VERSIONED = Dataset("pickle.PickleDataset", "remote", versioned=True)
NODES = [
    make_node("a", ["raw", "params:x"], ["x@pandas"]),
    make_node("b", ["x@spark", "look_up", "plain"], ["y"]),
]
DATASETS = dict.fromkeys(("raw", "x@pandas", "x@spark", "look_up", "y"), VERSIONED)


def test_a_request_of_nothing_runs_the_default_pipeline_with_the_documents_settings() -> None:
    whole = document(NODES, DATASETS)
    assert plan(whole, {}) == Plan(
        RUN_ID,
        "project",
        "aws_batch",
        ("__default__",),
        {},
        RunSettings(OnFailure.ABORT, "job", "EC2", None, None, array_jobs=True),
        (
            Group(
                ("a",),
                (NODES[0].signature,),
                (),
                {"job_queue": "queue", "job_definition": "definition"},
                {},
                ("__default__",),
            ),
            Group(
                ("b",),
                (NODES[1].signature,),
                (0,),
                {"job_queue": "queue", "job_definition": "definition"},
                {"x@spark": RUN_ID},
                ("__default__",),
            ),
        ),
        {},
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [{}, {"x@spark": RUN_ID}]),
        ({"raw": MINE, "look_up": OTHER}, [{"raw": MINE}, {"x@spark": RUN_ID, "look_up": OTHER}]),
        ({"x": MINE}, [{}, {"x@spark": RUN_ID}]),  # for Kedro another dataset than those with a format
        ({"x@spark": MINE}, [{}, {"x@spark": MINE}]),  # though the run writes another, as in Kedro
        ({"x@pandas": MINE}, [{}, {"x@spark": RUN_ID}]),  # asked for one of its formats
        ({"plain": MINE}, [{}, {"x@spark": RUN_ID}]),  # has no versions
    ],
)
def test_what_is_asked_for_is_loaded_at_that_version_and_what_else_the_run_writes_at_its_own(
    given: Mapping[str, str], expected: list[Mapping[str, str]]
) -> None:
    groups = plan(document(NODES, DATASETS), {"load_versions": given}).groups
    assert [group.load_versions for group in groups] == expected


def test_what_is_not_made_in_this_run_is_not_pinned_unless_asked_for() -> None:
    whole = document(NODES, DATASETS)
    assert plan(whole, {"nodes": ["b"]}).groups[0].load_versions == {}
    asked = {"nodes": ["b"], "load_versions": {"x": MINE}}
    assert plan(whole, asked).groups[0].load_versions == {"x@spark": MINE}


def test_a_job_imports_the_smallest_pipeline_that_has_its_nodes() -> None:
    memory = {"y": Dataset("MemoryDataset", "memory", versioned=False)}
    nodes = [*NODES, make_node("c", ["y"], ["z"])]
    pipelines = {"__default__": [0, 1, 2], "b_alone": [1], "first_two": [0, 1]}
    assert [group.pipelines for group in plan(document(nodes, {}, pipelines), {}).groups] == [
        ("first_two",),
        ("b_alone",),
        ("__default__",),
    ]
    grouped = plan(document(nodes, memory, pipelines), {}).groups
    assert [(group.nodes, group.pipelines) for group in grouped] == [
        (("a",), ("first_two",)),
        (("b", "c"), ("__default__",)),
    ]
    across = document(nodes, memory, {"left": [0, 1], "right": [2]})
    assert plan(across, {"pipelines": ["left", "right"]}).groups[1].pipelines == ("left", "right")


OVERRIDES: dict[str, Any] = {
    "job_queue": "queue_2",
    "job_definition": "definition_2",
    "max_workers": 3,
    "on_failure": "drain",
    "array_jobs": False,
    "memory_retry": {"factor": 2, "max": 8000},
    "group_by": ["tag:t"],
    "service": "another",
    "resources": {"default": {"memory": 512}, "nodes": {"b": {"job_queue": "queue"}}},
}


def test_a_runs_parameters_may_change_the_configuration_for_this_run() -> None:
    made = plan(document(NODES, DATASETS), {"params": {"aws_batch": OVERRIDES, "x": 1}})
    assert made.settings == RunSettings(OnFailure.DRAIN, "job", "EC2", 3, MemoryRetry(2, 8000), array_jobs=False)
    assert [group.resources for group in made.groups] == [
        {"memory": 512, "job_queue": "queue_2", "job_definition": "definition_2"},
        {"memory": 512, "job_queue": "queue", "job_definition": "definition_2"},
    ]
    assert made.params == {"aws_batch": OVERRIDES, "x": 1}


def test_the_requests_own_fields_win_over_its_parameters() -> None:
    request = {"params": {"aws_batch": OVERRIDES}, "max_workers": 7, "on_failure": "continue"}
    settings = plan(document(NODES, DATASETS), request).settings
    assert (settings.max_workers, settings.on_failure) == (7, OnFailure.CONTINUE)


REFUSALS: list[tuple[dict[str, Any], type[DagError], str]] = [
    (
        {"pipeline": "__default__", "pipelines": ["__default__"]},
        InvalidRequestError,
        "The request has both 'pipeline' and 'pipelines': give one of them.",
    ),
    (
        {"pipeline": "__defualt__"},
        InvalidRequestError,
        "There is no pipeline '__defualt__'. Did you mean '__default__'? There are: __default__.",
    ),
    (
        {"tags": ["nobody"], "nodes": ["a"]},
        InvalidRequestError,
        (
            "Pipeline '__default__' contains no nodes after applying all filters: "
            "tags ['nobody'] and nodes ['a'] have no node in common. No node has the tag 'nobody'."
        ),
    ),
    (
        {"load_versions": {"rawr": MINE}},
        InvalidRequestError,
        "load_versions names 'rawr', which no pipeline uses. Did you mean 'raw'?",
    ),
    ({"max_workers": 0}, InvalidRequestError, "max_workers: must be a whole number from 1 to 1000000, not 0."),
    (
        {"on_failure": "abrot"},
        InvalidRequestError,
        "on_failure: must be one of abort, drain, continue, not 'abrot'. Did you mean 'abort'?",
    ),
    (
        {"params": {"aws_batch": {"max_worker": 5}}},
        InvalidRequestError,
        "params.aws_batch.max_worker: is not a known key. Did you mean 'max_workers'?",
    ),
    (
        {"params": {"aws_batch": {"resources": {"nodes": {"bb": {}}}}}},
        InvalidRequestError,
        "params.aws_batch.resources.nodes: no node is named 'bb'. Did you mean 'b'?",
    ),
    (
        {"params": {"aws_batch": {"resources": {"default": {"vcpus": 0.5}}}}},
        InvalidRequestError,
        ("nodes 'a', 'b': EC2 gives a job whole vCPUs, at least one, not 0.5. Ask for 1, or use launch_type FARGATE."),
    ),
    (
        {"params": {"aws_batch": {"job_queue": None}}},
        InvalidRequestError,
        "params.aws_batch.job_queue: is missing. Name the job queue to submit to.",
    ),
    (
        {"params": {"aws_batch": {"job_queue": "queue_3"}}},
        NotAllowedError,
        (
            "Group 'a' asks for the job queue 'queue_3', which this deployment does not allow "
            "(it allows: queue, queue_2). Did you mean 'queue_2'?"
        ),
    ),
    (
        {"params": {"aws_batch": {"resources": {"nodes": {"b": {"job_definition": "mine"}}}}}},
        NotAllowedError,
        (
            "Group 'b' asks for the job definition 'mine', which this deployment does not allow "
            "(it allows: definition, definition_2)."
        ),
    ),
]


@pytest.mark.parametrize(("request_", "error", "message"), REFUSALS)
def test_what_cannot_be_run_is_refused_with_what_to_do(
    request_: dict[str, Any], error: type[DagError], message: str
) -> None:
    with pytest.raises(error) as refused:
        plan(document(NODES, DATASETS), request_)
    assert str(refused.value) == message


def test_a_deployment_that_allows_nothing_says_so() -> None:
    with pytest.raises(NotAllowedError, match=r"\(it allows: none\)"):
        make_plan(document(NODES), {}, RUN_ID, Allowed([], []))


def test_another_graph_than_the_deployed_one_is_refused_and_the_deployed_one_told() -> None:
    whole = replace(document(NODES), digest="sha256:" + "a" * 64)
    assert plan(whole, {"graph_digest": whole.digest}).node_count == 2
    with pytest.raises(GraphMismatchError) as refused:
        plan(whole, {"graph_digest": "sha256:" + "b" * 64})
    assert str(refused.value).startswith("The deployed graph is sha256:aaaaaaaaaaaa…, yours is sha256:bbbbbbbbbbbb…: ")
    assert refused.value.kind == "GraphMismatch"
    assert refused.value.details is not None
    assert sorted(refused.value.details["nodes"]) == ["a", "b"]


def test_a_run_beyond_the_documented_size_is_refused_with_a_way_out() -> None:
    nodes = [make_node(f"n{index}", [], [f"d{index}"], "one") for index in range(MOST_GROUPS + 1)]
    with pytest.raises(RunTooLargeError, match=r"The run has 100,001 groups; 100,000 is the most\. Group its nodes by"):
        plan(document(nodes), {})
    assert len(plan(document(nodes, group_by=["namespace"]), {}).groups) == 1


def test_a_run_that_has_done_everything_is_not_resumed() -> None:
    whole = document(NODES, DATASETS)
    first = plan(whole, {})
    with pytest.raises(InvalidRequestError, match=f"Run {RUN_ID} has done everything: there is nothing to resume"):
        make_plan(whole, {}, OTHER, ALLOWED, Earlier(first, view_of(succeeded=[0, 1]), {}))
