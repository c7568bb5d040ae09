"""A request's reach: none of its fields changes which code or configuration a job loads, beyond what is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dag.document import Dataset, GraphDocument
from dag.errors import DagError, InvalidRequestError
from dag.meaning import resumed_request
from dag.payload import payload
from dag.plan import Plan
from dag.reach import steers
from dag.request import Earlier, make_plan
from dag.shards import Mark
from dag.submission import submission
from dag.variables import CONF_SOURCE

from .build import ALLOWED, RUN_ID, document, plan, view_of
from .graphs import make_node

OPEN, PLACES = ["OMP_NUM_THREADS", "MLFLOW_RUN_ID"], ["settings/eu", "s3://bucket/conf"]
DEPLOYED = {"OMP_NUM_THREADS": "1", "PATH": "/opt/bin", "MODE": "usual"}
VERSIONED = Dataset("pickle.PickleDataset", "remote", versioned=True)
NODES = [
    replace(make_node("a", ["raw", "params:x"], ["x"], tags=["gpu"]), resources={"environment": DEPLOYED}),
    replace(make_node("ns.b", ["x"], ["y"], namespace="ns"), resources={"memory": 1000}),
]
WHOLE = document(NODES, {"raw": VERSIONED}, request_environment=OPEN, conf_sources=PLACES, kedro_version="1.7.0")

NAMES = [*DEPLOYED, "MLFLOW_RUN_ID", "LD_PRELOAD", "PYTHONPATH", CONF_SOURCE, "KEDRO_ENV", "AWS_ENDPOINT_URL", "path"]
VARIABLES = st.none() | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), st.none() | st.text(max_size=5))
LAYER = st.fixed_dictionaries(
    {},
    optional={
        "environment": VARIABLES,
        "job_definition": st.sampled_from(["definition", "definition_2", "theirs", "definition:7", None]),
        "job_queue": st.sampled_from(["queue", "queue_2", "theirs"]),
        "command": st.just(["sh"]),
        "image": st.just("theirs"),
        "memory": st.just(2000),
    },
)
RESOURCES = st.fixed_dictionaries(
    {},
    optional={
        "default": LAYER,
        "tags": st.fixed_dictionaries({}, optional={"gpu": LAYER}),
        "namespaces": st.fixed_dictionaries({}, optional={"ns": LAYER}),
        "nodes": st.fixed_dictionaries({}, optional={"a": LAYER, "ns.b": LAYER}),
    },
)
CONFIGURATION = st.fixed_dictionaries(
    {},
    optional={
        "resources": RESOURCES,
        "job_command": st.sampled_from(["job", "kedro-run", "sh -c"]),
        "request_environment": st.just(NAMES),
        "conf_sources": st.just(["s3://theirs"]),
        "environment": st.just("theirs"),
    },
)
TEXTS = st.sampled_from(["1", "${globals:x}", "a${call:b}", "--env=theirs", "x --conf-source=theirs", "$(sh)"])
PARAMS = st.fixed_dictionaries(
    {}, optional={"aws_batch": CONFIGURATION, "x": TEXTS, "y": st.fixed_dictionaries({"z": st.lists(TEXTS)})}
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "pipelines": st.lists(st.sampled_from(["__default__", "theirs"]), min_size=1, max_size=2),
        "nodes": st.lists(st.sampled_from(["a", "ns.b", "theirs"]), min_size=1),
        "params": PARAMS,
        "conf_source": st.sampled_from([*PLACES, "settings", "s3://bucket/conf/", "s3://theirs", "../conf", ""]),
        "load_versions": st.dictionaries(
            st.sampled_from(["raw", "x"]), st.sampled_from(["2026-01-01T00.00.00.000Z", "../..", "..", "a/b", ""])
        ),
        "environment": st.just("theirs"),
        "job_definition": st.just("theirs"),
    },
)


def variables(container: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["environment"] if one["name"] != "KEDRO_AWS_BATCH_JOB"}


def all_texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in all_texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in all_texts(part)]
    return [str(value)]


def assert_the_job_loads_what_is_deployed(made: Plan, index: int) -> None:
    """Compare everything that a job gets with the deployed graph's nodes."""
    request = submission(made, Mark(index)).request
    nodes = {node.name: node for node in WHOLE.nodes}
    group = made.groups[index]
    assert request["jobDefinition"] in ALLOWED.job_definitions
    assert request["jobQueue"] in ALLOWED.job_queues
    container = request["containerOverrides"]
    assert container.keys() <= {"command", "environment", "resourceRequirements"}
    assert container["command"] == ["python", "-m", "kedro_aws_batch.job"]
    found = variables(container)
    usual = {"KEDRO_DISABLE_TELEMETRY": "1"}
    for name in group.nodes:
        usual |= nodes[name].resources.get("environment", {})
    differs = {name for name in {*found, *usual} if found.get(name) != usual.get(name)}
    assert differs <= {*OPEN, CONF_SOURCE}
    assert found.get(CONF_SOURCE) in (None, *PLACES)
    told = payload(made, [Mark(index)])
    assert (told["environment"], set(told["pipelines"])) == (WHOLE.environment, {"__default__"})
    assert group.signatures == tuple(nodes[name].signature for name in group.nodes)
    assert [text for text in all_texts(told["params"]) if "${" in text] == []
    assert [version for version in group.load_versions.values() if "/" in version or ".." in version] == []


@given(REQUESTS)
@example({"params": {"aws_batch": {"resources": {"default": {"environment": None}}}}})
@example({"params": {"aws_batch": {"resources": {"nodes": {"ns.b": {"environment": {"PATH": "/tmp"}}}}}}})  # noqa: S108
@example({"params": {"aws_batch": {"job_command": "kedro-run"}}})
@example({"params": {"aws_batch": {"resources": {"default": {"job_definition": "theirs"}}}}})
@example({"params": {"aws_batch": {"resources": {"nodes": {"a": {"job_queue": "theirs"}}}}}})
@example({"params": {"aws_batch": {"job_definition": "theirs"}}})
def test_no_request_changes_what_code_or_configuration_a_job_loads(request_: dict[str, Any]) -> None:
    try:
        made = plan(WHOLE, request_)
        requests = [submission(made, Mark(index)) for index in range(len(made.groups))]
    except DagError:
        return
    for index in range(len(requests)):
        assert_the_job_loads_what_is_deployed(made, index)


@given(REQUESTS)
def test_nor_does_a_run_that_resumes_one_of_other_times(earlier: dict[str, Any]) -> None:
    """A run that resumes another may not have what an earlier release allowed the other."""
    first = plan(WHOLE, {})
    meant = resumed_request({"resume_from": RUN_ID}, earlier)
    try:
        made, _ = make_plan(WHOLE, meant, RUN_ID, ALLOWED, Earlier(first, view_of(succeeded=[0]), earlier))
        requests = [submission(made, Mark(index)) for index in range(len(made.groups))]
    except DagError:
        return
    for index in range(len(requests)):
        assert_the_job_loads_what_is_deployed(made, index)


def test_a_run_may_set_what_is_opened_and_be_configured_from_a_place_that_is_listed() -> None:
    asked = {"OMP_NUM_THREADS": 4, "MLFLOW_RUN_ID": "abc"}
    request = {"params": {"aws_batch": {"resources": {"default": {"environment": asked}}}}, "conf_source": PLACES[1]}
    made = plan(WHOLE, request)
    given_ = {"OMP_NUM_THREADS": "4", "MLFLOW_RUN_ID": "abc", CONF_SOURCE: PLACES[1]}
    assert [group.resources["environment"] for group in made.groups] == [{**DEPLOYED, **given_}, given_]
    assert variables(submission(made, Mark(1)).request["containerOverrides"]) == {
        **given_,
        "KEDRO_DISABLE_TELEMETRY": "1",
    }


ENVIRONMENT = "params.aws_batch.resources.default.environment: "
ADD = "If whoever starts runs may choose it, add it to aws_batch.{} in conf/aws_batch/parameters.yml and deploy again."
OPENED = "(those are 'OMP_NUM_THREADS', 'MLFLOW_RUN_ID')"


REFUSED: list[tuple[GraphDocument, dict[str, Any], str]] = [
    (
        WHOLE,
        {"params": {"aws_batch": {"resources": {"default": {"environment": {"OMP_NUM_THREAD": 1}}}}}},
        (
            f"{ENVIRONMENT}'OMP_NUM_THREAD' is not a variable that a run may set {OPENED}. "
            f"Did you mean 'OMP_NUM_THREADS'? {ADD.format('request_environment')}"
        ),
    ),
    (
        document(NODES),
        {"params": {"aws_batch": {"resources": {"default": {"environment": {"PATH": None}}}}}},
        f"{ENVIRONMENT}'PATH' is not a variable that a run may set. {ADD.format('request_environment')}",
    ),
    (
        WHOLE,
        {"params": {"aws_batch": {"resources": {"default": {"environment": None}}}}},
        (
            f"{ENVIRONMENT}'MODE' is not a variable that a run may set {OPENED}. "
            f"{ADD.format('request_environment')} (1 more like this.)"
        ),
    ),
    (
        WHOLE,
        {"conf_source": "s3://bucket/conf/"},
        (
            "conf_source: 's3://bucket/conf/' is not a configuration that runs may use (those are 'settings/eu', "
            f"'s3://bucket/conf'). Did you mean 's3://bucket/conf'? {ADD.format('conf_sources')}"
        ),
    ),
    (
        WHOLE,
        {"params": {"x": [{"y": "a${call:b}"}]}},
        (
            "params.x[0].y: has '${', which would make Kedro call the project's resolvers in the job. "
            "Give the value itself."
        ),
    ),
    (
        WHOLE,
        {"load_versions": {"raw": "../other"}},
        (
            "load_versions.raw: '../other' is not a version: that is the name of one folder. "
            "Name one like 2026-11-22T13.11.00.123Z."
        ),
    ),
]


@pytest.mark.parametrize(("of", "request_", "message"), REFUSED)
def test_a_refusal_says_what_to_add_to_which_file(of: GraphDocument, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        plan(of, request_)
    assert str(refused.value) == message


def test_a_document_of_an_earlier_release_opens_nothing() -> None:
    run = {key: value for key, value in WHOLE.run.items() if key not in ("request_environment", "conf_sources")}
    older = replace(WHOLE, run=run)
    request = {"params": {"aws_batch": {"resources": {"default": {"environment": {"OMP_NUM_THREADS": "2"}}}}}}
    with pytest.raises(InvalidRequestError, match="not a variable that a run may set"):
        plan(older, request)
    assert plan(older, {}).groups == plan(WHOLE, {}).groups


@pytest.mark.parametrize(
    ("variable", "found"),
    [
        *((name, True) for name in ("LD_PRELOAD", "PYTHONPATH", "PATH", "PYTHONWARNINGS", "BROWSER", "https_proxy")),
        *((name, True) for name in ("AWS_ENDPOINT_URL_S3", "AWS_PROFILE", CONF_SOURCE, "KEDRO_LOGGING_CONFIG")),
        *((name, False) for name in ("OMP_NUM_THREADS", "MLFLOW_RUN_ID", "PATHOLOGY", "PYTHONHASHSEED", "MODE")),
        *((name, False) for name in ("AWS_DEFAULT_REGION", "KEDRO_DISABLE_TELEMETRY")),
    ],
)
def test_variables_that_lead_to_other_code_are_known(variable: str, found: bool) -> None:
    assert steers(variable) is found
