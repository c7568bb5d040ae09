"""What a job runs in images without this package: `kedro run`, with all that it can carry."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kedro.framework.cli.utils import _split_params, split_node_names

from dag.document import Dataset, Node
from dag.errors import InvalidRequestError
from dag.plan import Plan
from dag.shards import Mark
from dag.submission import (
    ARRAY_FROM,
    kedro_run,
    pack,
    refuse_oversized,
    submission,
)

from .build import document, plan
from .graphs import make_node
from .test_submission import VERSIONED


def plain(nodes: list[Node] | None = None, **request: Any) -> Plan:
    return plan(document(nodes or [make_node("first"), make_node("ns.second")], job_command="kedro-run"), request)


def test_kedro_run_is_the_command_where_the_image_lacks_this_package() -> None:
    made = plain(params={"model": {"rate": 0.1, "name": "s3://bucket/x"}, "fast": True, "aws_batch": {}})
    request = submission(made, Mark(1)).request
    assert request["containerOverrides"] == {
        "command": [
            *("kedro", "run", "--nodes=ns.second", "--env=aws_batch", "--pipelines=__default__"),
            "--params=model.rate=0.1,model.name=s3://bucket/x,fast=True",
        ],
        "environment": [{"name": "KEDRO_DISABLE_TELEMETRY", "value": "1"}],
    }


def test_kedro_run_reads_the_run_s_configuration() -> None:
    node = replace(make_node("first"), resources={"environment": {"KEDRO_AWS_BATCH_CONF_SOURCE": "s3://bucket/conf"}})
    assert kedro_run(plain([node]), plain([node]).groups[0])[-1] == "--conf-source=s3://bucket/conf"


@pytest.mark.parametrize(
    ("kedro_version", "request_", "option"),
    [
        ("1.0.0", {}, "--pipeline=__default__"),
        ("1.1.1", {"pipelines": ["one", "two"]}, "--pipeline=one"),
        ("1.2.0", {"pipelines": ["one", "two"]}, "--pipelines=one,two"),
        ("1.10.0", {}, "--pipelines=__default__"),
        ("", {}, "--pipelines=__default__"),
    ],
)
def test_kedro_run_names_pipelines_as_its_kedro_takes_them(
    kedro_version: str, request_: dict[str, Any], option: str
) -> None:
    nodes = [make_node("a"), make_node("b")]
    whole = document(nodes, pipelines={"__default__": [0, 1], "one": [0], "two": [1]}, job_command="kedro-run")
    made = plan(replace(whole, kedro_version=kedro_version), request_)
    assert kedro_run(made, made.groups[0])[-1] == option


def test_kedro_run_before_kedro_1_2_takes_no_group_of_several_pipelines() -> None:
    nodes = [make_node("a", [], ["held"]), make_node("b", ["held"])]
    memory = {"held": Dataset("MemoryDataset", "memory", versioned=False)}
    whole = document(nodes, memory, pipelines={"one": [0], "two": [1]}, job_command="kedro-run")
    made = plan(replace(whole, kedro_version="1.1.1"), {"pipelines": ["one", "two"]})
    with pytest.raises(
        InvalidRequestError, match=r"nodes of several pipelines \(one, two\).*Kedro 1\.1\.1 takes only one"
    ):
        refuse_oversized(made)


def test_kedro_run_goes_without_arrays() -> None:
    many = plain([make_node(f"n{index}") for index in range(ARRAY_FROM)])
    assert len(pack(many, [Mark(index) for index in range(ARRAY_FROM)])) == ARRAY_FROM


def test_several_nodes_and_pipelines_are_named_as_kedro_splits_them() -> None:
    nodes = [make_node("<lambda>__1a2b", ["raw"], ["x"]), make_node("with space.partial(f)__3c4d", ["x"])]
    whole = document(nodes, {"x": Dataset("MemoryDataset", "memory", versioned=False)}, {"a": [0], "b": [1]})
    command = kedro_run(plan(whole, {"pipelines": ["a", "b"]}), plan(whole, {"pipelines": ["a", "b"]}).groups[0])
    named = next(word for word in command if word.startswith("--nodes="))
    assert split_node_names(None, None, named.removeprefix("--nodes=")) == [node.name for node in nodes]  # type: ignore[arg-type]
    assert command[-1] == "--pipelines=a,b"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: plain([make_node("a,b.train")]), "Node 'a,b.train' has a comma in its name"),
        (
            lambda: plan(
                document([make_node("n")], pipelines={"a,b": [0]}, job_command="kedro-run"), {"pipeline": "a,b"}
            ),
            "Pipeline 'a,b' has a comma in its name",
        ),
        (
            lambda: plan(
                document(
                    [make_node("w", [], ["table"]), make_node("r", ["table"])], VERSIONED, job_command="kedro-run"
                ),
                {},
            ),
            "Dataset 'table' is versioned: .* use job_command 'job'",
        ),
        (
            lambda: plain(params={"a": {"b": [1]}}),
            r"Parameter 'a\.b' can't be passed by job_command 'kedro-run': \[1\]",
        ),
        (lambda: plain(params={"a": float("inf")}), "Parameter 'a' can't be passed"),
        (lambda: plain(params={"a": None}), "Parameter 'a' can't be passed"),
        (lambda: plain(params={"a": "x,y"}), "Parameter 'a' can't be passed"),
        (lambda: plain(params={"a": "007"}), "Parameter 'a' can't be passed"),
        (lambda: plain(params={"a": "on"}), "Parameter 'a' can't be passed"),
        (lambda: plain(params={"a": {}}), "Parameter 'a' can't be passed"),
        (lambda: plain(params={"a.b": 1}), r"Parameter 'a\.b' can't be passed"),
    ],
)
def test_what_the_command_line_cannot_carry_is_refused_before_anything_is_started(made: Any, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        refuse_oversized(made())


texts = st.text(max_size=8) | st.from_regex(r"[A-Za-z/_][\w./ :=+@%-]{0,9}", fullmatch=True)
scalars = st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["007", "null", "Off", "1e5", "12:30"])
keys = st.sampled_from(["rate", "model", "x_1", "on", "null"]) | st.text(max_size=3)
params = st.dictionaries(
    keys, st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=2), max_leaves=3)
)


@given(params)
def test_kedro_reads_the_parameters_as_they_were_meant_or_they_are_refused(given_params: dict[str, Any]) -> None:
    meant = {key: value for key, value in given_params.items() if key != "aws_batch"}
    try:
        made = plain(params=given_params)
        command = kedro_run(made, made.groups[0])
    except InvalidRequestError:
        return
    said = command[-1].removeprefix("--params=") if meant else ""
    understood = _split_params(None, None, said)  # type: ignore[arg-type]
    assert json.dumps(understood, sort_keys=True) == json.dumps(meant, sort_keys=True)
