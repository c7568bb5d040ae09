"""Every key of `aws_batch`, with its edge values: what one side accepts, all do, and the job gets what was shown.

The keys come from the tables, and a valid value of each from the example in docs/configuration.md, so that none is
left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dag import limits, splitting
from dag.document import read_document
from dag.errors import InvalidRequestError
from dag.payload import payload
from dag.preview import preview
from dag.request import Allowed, make_plan
from dag.shards import Mark
from dag.submission import submission
from kedro_aws_batch._service.dag.configuration import RUN
from kedro_aws_batch._service.dag.resources import KEYS
from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.config import PLUGIN
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.problems import errors
from kedro_aws_batch.graph.project import open_project

from .project import CONFIGURATION, REMOTE_CHAIN, Sources, write_project
from .test_docs import rows

if TYPE_CHECKING:
    from dag.document import GraphDocument
    from dag.plan import Plan
    from dag.preview import PlannedGroup
    from kedro_aws_batch.graph.project import Project

RUN_ID = "2026-11-22T13.11.00.123Z"
REGISTRY = """
def register_pipelines():
    nodes = [
        node(same, "raw", "middle", name="first", namespace="a.b", tags=["t", "u"]),
        node(same, "middle", "final", name="second", namespace="a.c", tags=["t"]),
        node(same, "final", "copy", name="third"),
    ]
    return {"__default__": pipeline(nodes), "part": pipeline(nodes[:2])}
"""
NAMES = {"tags": ["t", "u"], "namespaces": ["a", "a.b", "a.c"], "nodes": ["a.b.first", "a.c.second", "third"]}
#: Values at and beyond the edges of the keys' ranges.
EDGES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2.0, 0.25, 0.5, 1.5, 2.3, float("inf"), float("nan"), 1e308),
    *(3, 4, 10, 11, 59, 60, 512, 1024, 2048, 9999, 10_000, 1_048_576, 2**31 - 1, 2**31),
    *("", "a", "team-a", "arn:aws:batch:x", "-x", "x" * 128, "x" * 129, "EC2", "true", "drain", "continue"),
    *([], ["memory"], ["namespace"], ["tag:t", "memory"], ["tag:"], [1]),
    *({}, {"factor": 2, "max": 2.5}, {"factor": 2, "max": 9000}, {"factor": True, "max": 8}),
    *({"FLAG": True, "OFF": False, "RATE": 0.5, "N": 3, "T": "tRue"}, {"AWS_BATCH_X": 1}, {"AWS_BATC": None}),
    *({"FLAG": None}, {"a-b": 1}, {"KEDRO_AWS_BATCH_JOB": "x"}, {"X": [1]}, {"X": float("nan")}, {1: 2}),
]
#: The variables of the edges and of the docs: a run may set those that its deployment opens, and no others.
OPENED = ["FLAG", "OFF", "RATE", "N", "T", "X", "AWS_BATC", "OMP_NUM_THREADS", "factor", "max"]
#: With one attempt, Batch gets the tries for ends that are not the program's fault: the number itself isn't shown.
UNSAID = [("attempts", 1)]


RULES = {
    "Runs": {key: setting.rule for key, setting in {**RUN, **PLUGIN}.items()},
    "Resources": {name: key.rule for name, key in KEYS.items()},
}
#: The keys of a run's own parameters.
FOR_ONE_RUN = {"resources", "service", *(key for key, setting in RUN.items() if setting.for_one_run)}


@cache
def fitting(heading: str, key: str) -> list[Any]:
    """Return valid values of a key: the docs' example, null, and the edges that fit."""
    example = yaml.safe_load(rows(heading)[key][1])
    return [example, None, *(edge for edge in EDGES if edge is not None and RULES[heading][key](edge) is None)]


def some(heading: str, pool: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Draw up to three keys, with values that fit or, from the pool, with any."""

    def of(keys: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({key: st.sampled_from(EDGES if pool else fitting(heading, key)) for key in keys})

    return st.lists(st.sampled_from(sorted(RULES[heading])), unique=True, max_size=3).flatmap(of)


@st.composite
def said(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the content of `aws_batch`: in one case of three with values that don't fit their keys."""
    asked = some("Resources", draw(st.sampled_from([False, False, True])))
    named = {
        layer: st.dictionaries(st.sampled_from(names), asked, min_size=1, max_size=2) for layer, names in NAMES.items()
    }
    resources = st.fixed_dictionaries({}, optional={"default": asked, **named})
    runs = some("Runs", draw(st.sampled_from([False, False, True])))
    return {**draw(runs), **draw(st.fixed_dictionaries({}, optional={"resources": resources}))}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    catalog = {**REMOTE_CHAIN, "copy": REMOTE_CHAIN["raw"]}
    folder = write_project(tmp_path_factory.mktemp("keys"), Sources(REGISTRY, catalog))
    return open_project(Opening(path=folder))


def checked(project: Project, configuration: Any) -> tuple[GraphDocument, list[str]]:
    """Return the document of a configuration, and check's messages."""
    configured = replace(project, parameters={"aws_batch": configuration})
    compiled = compile_project(configured)
    return read_document(json.dumps(compiled.document)), [str(each) for each in errors(check(configured, compiled))]


class _Any(tuple[str, ...]):
    def __contains__(self, name: object) -> bool:
        return True


def planned(document: GraphDocument, request: Mapping[str, Any]) -> Plan:
    return make_plan(document, request, RUN_ID, Allowed(_Any(), _Any()))[0]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, f"{path}.{key}")
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part, path)
    else:
        yield path, str(value)


def texts(value: Any) -> set[str]:
    """Return a value's form in a request: plain digits, and names with their texts."""
    if isinstance(value, dict):
        return {*value, *(text for text in value.values())}
    return {str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)}


def assert_the_job_gets_what_is_shown(plan: Plan, shown: Mapping[str, Any], index: int) -> None:
    request = submission(plan, Mark(index)).request
    for key, value in shown.items():
        group = plan.groups[index]
        rest = {name: other for name, other in group.resources.items() if name != key}
        without = submission(
            replace(plan, groups=(*plan.groups[:index], replace(group, resources=rest), *plan.groups[index + 1 :])),
            Mark(index),
        ).request
        told = {text for _, text in leaves(dict(request))}
        if plan.settings.warm_containers:  # each group then has its own time-out, and Batch's is for all of them
            told |= {text for _, text in leaves(payload(plan, [Mark(index)]))}
        assert (key, value) in UNSAID or texts(value) <= told, (key, value, request)
        assert request != without or (key, value) in UNSAID or key == "priority", (key, value)
    assert_batch_takes(request)


def assert_nothing_is_lost(document: GraphDocument, group: PlannedGroup) -> None:
    """Compare a one-node job's request with the document's resources for the node and its run."""
    if len(group.nodes) == 1:
        asked = next(node.resources for node in document.nodes if node.name == group.nodes[0])
        places = {key: document.run[key] for key in ("job_queue", "job_definition")}
        sizes = {
            key: value for key, value in asked.items() if key not in ("split", "reuse")
        }  # no job asks Batch for those
        assert group.resources == {**places, **sizes}
        how = splitting.asked(asked)
        assert (group.slice or "1/1").endswith(f"/{1 if how is None else how.into}")


def assert_batch_takes(request: Mapping[str, Any]) -> None:
    """Check a request against AWS's limits."""
    container = request["containerOverrides"]
    for each in container.get("resourceRequirements", ()):
        fraction = each["type"] == "VCPU" and each["value"] in ("0.25", "0.5")
        assert fraction or limits.AMOUNT.allows(each["value"]), each
    for each in container["environment"]:
        assert limits.VARIABLE_NAME.allows(each["name"])
        assert isinstance(each["value"], str)
    assert limits.JOB_NAME.allows(request["jobQueue"])
    assert limits.JOB_NAME.allows(request["jobDefinition"])
    assert limits.ATTEMPTS.allows(request["retryStrategy"]["attempts"])
    if "timeout" in request:
        assert limits.TIMEOUT_SECONDS.allows(request["timeout"]["attemptDurationSeconds"])
    if "shareIdentifier" in request:
        assert limits.SHARE_IDENTIFIER.allows(request["shareIdentifier"])
    if "schedulingPriorityOverride" in request:
        assert limits.PRIORITY.allows(request["schedulingPriorityOverride"])


def refusal(document: GraphDocument, request: Mapping[str, Any]) -> list[str]:
    """Return all of the service's objections to a request, without the places; empty if it would run."""
    try:
        preview(document, request)
    except InvalidRequestError as error:
        return [str(problem).removeprefix("params.") for problem in error.problems] or [str(error)]
    return []


@given(said())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_accepted_in_one_place_is_in_all_and_reaches_the_job(project: Project, value: dict[str, Any]) -> None:
    document, wrong = checked(project, {**CONFIGURATION, **value})
    event("refused" if wrong else "accepted")
    if not wrong:
        for pipeline in document.pipelines:
            plan = planned(document, {"pipeline": pipeline})
            for group in preview(document, {"pipeline": pipeline}).groups:
                assert_nothing_is_lost(document, group)
                assert_the_job_gets_what_is_shown(plan, group.resources, group.index)
    if value.keys() <= FOR_ONE_RUN:
        bare, _ = checked(project, {**CONFIGURATION, "request_environment": OPENED})
        request = {"params": {"aws_batch": value}}
        refused = refusal(bare, request)
        assert bool(refused) == bool(wrong), (refused, wrong)
        assert all(any(one in other for other in wrong) for one in refused), (refused, wrong)
        if not wrong:
            as_run, as_configured = planned(bare, request), planned(document, {})
            assert as_run.settings == as_configured.settings
            assert as_run.groups == as_configured.groups
