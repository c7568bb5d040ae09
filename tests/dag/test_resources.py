"""What jobs ask of Batch: layer upon layer, of one node or of several, and more of it after want of memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.document import Node
from dag.errors import InvalidRequestError
from dag.resources import (
    FARGATE,
    MemoryRetry,
    amount,
    amounts,
    check_overrides,
    combine,
    read_memory_retry,
    resolve,
    shown,
    written,
)
from dag.shards import MOST_ATTEMPTS
from kedro_aws_batch.graph.config import Resources
from kedro_aws_batch.graph.fargate import PAIRS

NODE = Node("a.b.train", "train: …", "a.b", frozenset({"gpu", "night"}), (), ("model",), {"memory": 1, "attempts": 2})


def test_fargate_s_pairs_are_those_that_the_plugin_checks_against() -> None:
    assert {cpus: tuple(sizes) for cpus, sizes in FARGATE.items()} == PAIRS


def test_later_layers_win_key_by_key_and_the_environment_name_by_name() -> None:
    overrides = {
        "nodes": {"a.b.train": {"memory": 50, "environment": {"D": "node"}}},
        "namespaces": {"a": {"memory": 30, "priority": 30, "gpus": 30, "environment": {"C": "a", "D": "a"}}},
        "tags": {"gpu": {"memory": 20, "gpus": 20, "vcpus": 20}, "other": {"memory": 99}},
        "default": {"memory": 10, "vcpus": 10, "timeout": 60, "environment": {"A": "1", "C": "default"}},
    }
    assert resolve(NODE, overrides) == {
        "memory": 50,
        "attempts": 2,
        "vcpus": 20,
        "gpus": 30,
        "priority": 30,
        "timeout": 60,
        "environment": {"A": "1", "C": "a", "D": "node"},
    }
    assert resolve(NODE, {}) == NODE.resources


def test_null_takes_back_what_an_earlier_layer_says() -> None:
    asking = replace(NODE, resources={"memory": 1, "timeout": 60, "environment": {"A": "1", "B": "2"}})
    assert resolve(asking, {"nodes": {"a.b.train": {"memory": None, "environment": {"A": None}}}}) == {
        "timeout": 60,
        "environment": {"B": "2"},
    }
    assert resolve(asking, {"default": {"environment": None, "timeout": None}}) == {"memory": 1}


def test_the_environment_is_text_written_as_yaml_has_it() -> None:
    overrides = {"default": {"environment": {"FLAG": True, "OFF": False, "COUNT": 3, "RATE": 0.5, "TEXT": "True"}}}
    assert resolve(NODE, overrides)["environment"] == {
        "FLAG": "true",
        "OFF": "false",
        "COUNT": "3",
        "RATE": "0.5",
        "TEXT": "True",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (4.0, "4"), (0.25, "0.25"), (448, "448"), (1_048_576, "1048576"), (12_345_678, "12345678")],
)
def test_an_amount_is_written_in_plain_digits(value: float, text: str) -> None:
    assert amount(value) == text
    requirements = written({"vcpus": value})["containerOverrides"]["resourceRequirements"]
    assert requirements == [{"type": "VCPU", "value": text}]
    assert amounts({"memory": value}) == f"{text} MiB"


def test_what_is_asked_for_is_written_into_the_request_key_by_key() -> None:
    asked = {
        "gpus": 1,
        "memory": 2_000_000,
        "timeout": 60,
        "attempts": 3,
        "environment": {"A": "1"},
        "job_queue": "queue",
        "job_definition": "definition",
        "share_identifier": "team",
        "priority": 0,
    }
    assert written(asked) == {
        "containerOverrides": {
            "resourceRequirements": [{"type": "MEMORY", "value": "2000000"}, {"type": "GPU", "value": "1"}],
            "environment": [{"name": "A", "value": "1"}],
        },
        "timeout": {"attemptDurationSeconds": 60},
        "retryStrategy": {"attempts": 3},
        "jobQueue": "queue",
        "jobDefinition": "definition",
        "shareIdentifier": "team",
        "schedulingPriorityOverride": 0,
    }
    assert shown({**asked, "vcpus": 2.0}) == [
        "vcpus 2",
        "memory 2000000",
        "gpus 1",
        "timeout 60",
        "attempts 3",
        "environment A",
        "share_identifier team",
        "priority 0",
    ]


layers = st.dictionaries(st.sampled_from(["memory", "vcpus"]), st.integers(1, 9), max_size=2) | st.fixed_dictionaries(
    {"environment": st.dictionaries(st.sampled_from("AB"), st.sampled_from("xyz"))}
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "default": layers,
            "tags": st.dictionaries(st.sampled_from(["gpu", "other"]), layers),
            "namespaces": st.dictionaries(st.sampled_from(["a.b", "a", "b"]), layers),
            "nodes": st.dictionaries(st.sampled_from(["a.b.train", "train"]), layers),
        },
    )
)
def test_overrides_are_resolved_as_the_plugin_resolves_the_configuration(overrides: dict[str, Any]) -> None:
    bare = replace(NODE, resources={})
    theirs = Resources(**overrides).of(bare)  # type: ignore[arg-type]
    ours = dict(resolve(bare, overrides))
    assert {key: value for key, value in ours.items() if value} == {
        key: value for key, value in theirs.items() if value
    }


def test_one_job_for_several_needs_the_most_of_each_and_the_time_of_all() -> None:
    members = [
        {"vcpus": 1, "memory": 4000, "timeout": 60, "attempts": 1, "environment": {"A": "1", "B": "1"}},
        {"vcpus": 0.5, "memory": 8000, "gpus": 1, "timeout": 90, "environment": {"B": "2"}, "job_queue": "gpu"},
    ]
    assert combine(members) == {
        "vcpus": 1,
        "memory": 8000,
        "gpus": 1,
        "timeout": 150,
        "attempts": 1,
        "environment": {"A": "1", "B": "2"},
        "job_queue": "gpu",
    }
    assert combine([{}, {"timeout": 60}]) == {}


@pytest.mark.parametrize("key", ["job_definition", "job_queue", "share_identifier"])
def test_members_that_want_different_places_cannot_share_a_job(key: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        combine([{key: "b"}, {}, {key: "a"}])
    assert str(refused.value) == f"Nodes of one group want different values of '{key}': a, b."


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"tag": {}}, "aws_batch.resources has no 'tag'. Did you mean 'tags'?"),
        (
            {"tags": {"gpuu": {}}},
            "aws_batch.resources.tags names 'gpuu', which this run does not have. Did you mean 'gpu'?",
        ),
        (
            {"namespaces": {"c": {}}},
            "aws_batch.resources.namespaces names 'c', which this run does not have.",
        ),
        (
            {"nodes": {"a.b.trian": {}}},
            "aws_batch.resources.nodes names 'a.b.trian', which this run does not have. Did you mean 'a.b.train'?",
        ),
        (
            {"default": {"memroy": 1}},
            "aws_batch.resources.default has an unknown key 'memroy'. Did you mean 'memory'?",
        ),
        ({"default": 5}, "aws_batch.resources.default is 5; it must be a mapping."),
        ({"tags": ["gpu"]}, "aws_batch.resources.tags is ['gpu']; it must be a mapping."),
        ({"tags": {"gpu": "much"}}, "aws_batch.resources.tags.gpu is 'much'; it must be a mapping."),
        (
            {"nodes": {"a.b.train": {"memory": "4 GB"}}},
            "aws_batch.resources.nodes.a.b.train.memory must be a whole number of MiB, at least 4, not '4 GB'.",
        ),
        (
            {"default": {"environment": {"AWS_BATCH_X": "1"}}},
            (
                "aws_batch.resources.default.environment has 'AWS_BATCH_X': "
                "AWS Batch keeps names that begin with AWS_BATCH to itself."
            ),
        ),
        (
            {"default": {"share_identifier": "team-a"}},
            "aws_batch.resources.default.share_identifier must be letters and digits, not 'team-a'.",
        ),
        ([], "aws_batch.resources is []; it must be a mapping."),
    ],
)
def test_what_means_nothing_is_refused_with_what_may_have_been_meant(overrides: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_overrides(overrides, [NODE])
    assert str(refused.value) == message


def test_outer_namespaces_and_null_are_names_and_values_too() -> None:
    check_overrides({"namespaces": {"a": {"memory": None}, "a.b": {"vcpus": 0.25}}}, [NODE])


@pytest.mark.parametrize(
    "value",
    [5, {"factor": 2}, {"factor": 1, "max": 5}, {"factor": "2", "max": 5}, {"factor": 2, "max": 2.5}, []],
)
def test_a_memory_retry_that_is_malformed_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"must be like \{factor: 2, max: 32000\}"):
        read_memory_retry(value)


def steps(retry: MemoryRetry, resources: dict[str, Any], fargate: bool = False) -> list[int]:
    found: list[int] = []
    while len(found) <= MOST_ATTEMPTS and (memory := retry.memory(resources, len(found), fargate)) is not None:
        found.append(memory)
    return found


@pytest.mark.parametrize(
    ("retry", "resources", "expected"),
    [
        (MemoryRetry(2, 32_000), {"memory": 4000}, [4000, 8000, 16_000, 32_000]),
        (MemoryRetry(2, 10_000), {"memory": 4000}, [4000, 8000, 10_000]),
        (MemoryRetry(1.5, 3_000), {"memory": 1001}, [1001, 1501, 2251, 3_000]),
        (MemoryRetry(2, 4000), {"memory": 4000}, [4000]),
        (MemoryRetry(2, 2000), {"memory": 4000}, [4000]),
        (MemoryRetry(1.1, 2000), {"memory": 4}, [4]),
        (MemoryRetry(2, 4000), {}, []),
    ],
)
def test_memory_grows_by_the_factor_up_to_the_cap(
    retry: MemoryRetry, resources: dict[str, Any], expected: list[int]
) -> None:
    assert steps(retry, resources) == expected


@pytest.mark.parametrize(
    ("retry", "resources", "expected"),
    [
        (MemoryRetry(2, 32_000), {"vcpus": 1, "memory": 2048}, [2048, 4096, 8192]),
        (MemoryRetry(1.5, 32_000), {"vcpus": 1, "memory": 2048}, [2048, 3072, 5120, 8192]),
        (MemoryRetry(2, 5000), {"vcpus": 1, "memory": 2048}, [2048, 4096]),
        (MemoryRetry(2, 6000), {"vcpus": 1, "memory": 3072}, [3072, 5120]),
        (MemoryRetry(3, 32_000), {"vcpus": 0.25, "memory": 1024}, [1024, 2048]),
        (MemoryRetry(2, 32_000), {"memory": 4096}, [4096, 8192]),
        (MemoryRetry(2, 300_000), {"vcpus": 32, "memory": 61_440}, [61_440, 122_880, 249_856]),
        (MemoryRetry(2, 32_000), {"vcpus": 3, "memory": 4096}, [4096]),
        (MemoryRetry(2, 1000), {"vcpus": 1, "memory": 2048}, [2048]),
    ],
)
def test_on_fargate_memory_grows_from_pair_to_pair(
    retry: MemoryRetry, resources: dict[str, Any], expected: list[int]
) -> None:
    assert steps(retry, resources, fargate=True) == expected


@given(
    st.floats(1.001, 10),
    st.integers(4, 250_000),
    st.integers(4, 250_000),
    st.sampled_from([None, *FARGATE]),
)
def test_each_attempt_has_more_than_the_one_before_and_no_more_than_the_cap(
    factor: float, most: int, memory: int, vcpus: float | None
) -> None:
    resources = {"memory": memory} if vcpus is None else {"memory": memory, "vcpus": vcpus}
    found = steps(MemoryRetry(factor, most), resources, fargate=vcpus is not None)
    assert found[0] == memory
    assert found == sorted(set(found))
    assert all(size <= most for size in found[1:])
    assert len(found) <= MOST_ATTEMPTS
    if vcpus is not None:
        assert all(size in FARGATE[vcpus] for size in found[1:])
