"""What counts besides the code of nodes: their jobs' variables, and what each run has of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dag.document import GraphDocument, read_document
from dag.signatures import read_signatures
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project

from ..project import CONFIGURATION, REMOTE_CHAIN, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[Sources], Path]

CLOCK = """
from datetime import datetime
CONFIG_LOADER_ARGS = {"custom_resolvers": {"now": lambda: f"{datetime.now():%Y%m%d}"}}
"""
REGISTRY = """
def use(x, day):
    return x

def register_pipelines():
    return {"__default__": pipeline([node(use, ["raw", "params:day"], "final", name="use"), node(same, "raw", "copy")])}
"""


def signed(project: Path) -> GraphDocument:
    return read_document(json.dumps(compile_project(open_project(Opening(path=project))).signed))


def environment(**variables: str) -> dict[str, Any]:
    return (
        {**CONFIGURATION, "resources": {"nodes": {"second": {"environment": variables}}}}
        if variables
        else CONFIGURATION
    )


def test_another_variable_of_its_job_makes_another_node_of_that_one_alone(make_project: Make) -> None:
    made = [
        signed(make_project(Sources(catalog=REMOTE_CHAIN, configuration=environment(**some), package="same_package")))
        for some in ({}, {"MODE": "fast"}, {"MODE": "slow"})
    ]
    indices = [dict(enumerate(document.nodes)) for document in made]
    told = [read_signatures(one.signatures).made(nodes) for one, nodes in zip(made, indices, strict=True)]
    assert len({one.nodes["second"] for one in told}) == 3
    assert len({one.nodes["first"] for one in told}) == 1
    assert told[1].others(read_signatures(made[2].signatures), indices[2]) == {
        "second": "environment of 'second' has changed"
    }


def test_what_holds_the_run_s_date_is_named_and_nothing_else(make_project: Make) -> None:
    catalog = {
        "raw": pickled("s3://bucket/raw.pkl"),
        "final": pickled("s3://bucket/${runtime_params:aws_batch.run_date}.pkl"),
        "copy": pickled("s3://bucket/copy.pkl"),
    }
    parameters = {"day": "${runtime_params:aws_batch.run_id}"}
    told = signed(make_project(Sources(registry=REGISTRY, catalog=catalog, parameters=parameters))).signatures
    assert (told["moving"], "clock" in told) == (["final", "params:day"], False)


@pytest.mark.parametrize(("settings", "clock"), [(CLOCK, True), ("", False)])
def test_a_resolver_that_may_read_the_clock_is_told(make_project: Make, settings: str, clock: bool) -> None:
    told = signed(make_project(Sources(catalog=REMOTE_CHAIN, settings=settings))).signatures
    assert told.get("clock", False) is clock


def test_the_folders_of_the_project_that_a_run_may_be_configured_by_are_signed(make_project: Make) -> None:
    sources = ["settings/eu", "s3://bucket/conf", "settings/none", "settings/one.yml"]
    project = make_project(Sources(catalog=REMOTE_CHAIN, configuration={**CONFIGURATION, "conf_sources": sources}))
    (project / "settings/eu/base").mkdir(parents=True)
    parameters, credentials = (project / f"settings/eu/base/{name}.yml" for name in ("parameters", "credentials"))
    (project / "settings/one.yml").write_text("1")

    def told() -> dict[str, str]:
        found: dict[str, str] = signed(project).signatures["conf_sources"]
        return found

    parameters.write_text("rate: 1")
    before = told()
    assert [*before] == ["settings/eu", "settings/one.yml"]
    credentials.write_text("secret")
    assert told() == before
    parameters.write_text("rate: 2")
    assert {name for name, digest in told().items() if digest != before[name]} == {"settings/eu"}
