from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project

from .project import CONFIGURATION, REMOTE_CHAIN, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kedro_aws_batch._service.dag.problems import Problem

    Make = Callable[[Sources], Path]


def problems(make_project: Make, sources: Sources) -> list[Problem]:
    project = open_project(Opening(path=make_project(sources)))
    return check(project, compile_project(project))


def found(make_project: Make, sources: Sources) -> str:
    return "\n".join(
        ("warning: " if problem.warning else "") + str(problem) for problem in problems(make_project, sources)
    )


def configured(**more: Any) -> Sources:
    return Sources(catalog=REMOTE_CHAIN, configuration=CONFIGURATION | more)


def test_a_sound_project_has_no_problems(make_project: Make) -> None:
    assert problems(make_project, configured(resources={"default": {"vcpus": 1, "memory": 2048}})) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("s3://s3://bucket/raw.pkl", True),
        ("simplecache::s3://s3://bucket/raw.pkl", True),
        ("zip://raw.pkl::s3://bucket/a.zip", False),
        ("https://archive.example/https://example/raw.pkl", False),
    ],
)
def test_a_path_with_two_protocols_is_refused(make_project: Make, path: str, wrong: bool) -> None:
    said = f"dataset 'raw': its path '{path}' has two protocols."
    assert (said in found(make_project, Sources(catalog=REMOTE_CHAIN | {"raw": pickled(path)}))) == wrong


def test_all_problems_come_at_once_errors_first(make_project: Make) -> None:
    catalog = {"raw": pickled("data/raw"), "final": {"type": "pandas.NoSuchDataset", "filepath": "s3://b/x"}}
    sources = Sources(catalog=catalog, configuration={"job_queue": "q", "resources": {"nodes": {"frist": {"vcpu": 1}}}})
    report = problems(make_project, sources)
    assert [problem.where for problem in report] == [
        "parameters of 'aws_batch', aws_batch.job_definition",
        "parameters of 'aws_batch', aws_batch.resources.nodes.frist.vcpu",
        "parameters of 'aws_batch', aws_batch.resources.nodes",
        "dataset 'raw'",
        "dataset 'final'",
        "dataset 'middle'",
    ]
    assert [problem.warning for problem in report] == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (None, "aws_batch: is missing. Add it, with at least job_queue and job_definition."),
        ("queue", "aws_batch: must contain keys and values, not 'queue'"),
        ({"job_definition": "d"}, "aws_batch.job_queue: is missing. Name the job queue to submit to."),
        ({"job_que": "q"}, "aws_batch.job_que: is not a known key. Did you mean 'job_queue'?"),
        ({"zzz": 1}, "aws_batch.zzz: is not a known key. There are: job_queue, job_definition,"),
        ({"job_queue": "my queue"}, "'-' and '_', a letter or digit first, not 'my queue'."),
        ({"job_definition": "arn:aws:batch:x"}, "(give the name, not the ARN)"),
        ({"max_workers": 0}, "aws_batch.max_workers: must be a whole number from 1 to 1000000, not 0."),
        ({"max_workers": True}, "not True."),
        ({"on_failure": "abrot"}, "must be one of abort, drain, continue, not 'abrot'. Did you mean 'abort'?"),
        ({"group_by": "memory"}, "must be a list of 'memory', 'namespace' and 'tag:<name>', not 'memory'."),
        ({"group_by": ["namespaces"]}, "not 'namespaces'. Did you mean 'namespace'?"),
        ({"array_jobs": "yes"}, "aws_batch.array_jobs: must be true or false, not 'yes'."),
        ({"memory_retry": 2}, "must be like {factor: 2, max: 32000}: a factor above 1, and the most MiB, not 2."),
        ({"memory_retry": {"factor": 1, "max": 8}}, "not {'factor': 1, 'max': 8}."),
        ({"launch_type": "fargate"}, "must be one of EC2, FARGATE, not 'fargate'"),
        ({"service": "x" * 48}, "aws_batch.service: must be 1 to 47 letters"),
        ({"resources": {"tag": {}}}, "aws_batch.resources.tag: is not a known key. Did you mean 'tags'?"),
        ({"resources": {"default": {"timeout": 59}}}, "timeout: must be a whole number of seconds, at least 60,"),
        ({"resources": {"default": {"attempts": 11}}}, "attempts: must be a whole number from 1 to 10, not 11."),
        ({"resources": {"default": {"memory": 3}}}, "memory: must be a whole number of MiB, at least 4, not 3."),
        ({"resources": {"default": {"vcpus": 0}}}, "default.vcpus: must be a number above 0, not 0."),
        ({"resources": {"default": {"environment": {"AWS_BATCH_X": 1}}}}, "AWS Batch keeps names that begin"),
        ({"resources": {"default": {"environment": {"a-b": 1}}}}, "'a-b', which can't name an environment variable"),
        ({"resources": {"default": 3}}, "aws_batch.resources.default: must contain keys and values, not 3"),
        ({"resources": {"nodes": {"scond": {}}}}, "no node is named 'scond'. Did you mean 'second'?"),
        ({"resources": {"tags": {"erly": {}}}}, "no tag is named 'erly'. Did you mean 'early'?"),
        ({"resources": {"namespaces": {"x": {}}}}, "no namespace is named 'x'. Remove it, or correct its name."),
        ({"request_environment": ["a-b"]}, "request_environment: has 'a-b', which can't name an environment variable."),
        ({"request_environment": "A"}, "request_environment: must be a list of names of variables, not 'A'."),
        ({"request_environment": ["KEDRO_AWS_BATCH_CONF_SOURCE"]}, "list such places in conf_sources."),
        ({"request_environment": ["KEDRO_AWS_BATCH_JOB"]}, "has 'KEDRO_AWS_BATCH_JOB', which holds a job's payload"),
        ({"conf_sources": ["../conf"]}, "has '../conf', which is neither a folder within the project, like"),
        ({"conf_sources": ["/etc"]}, "conf_sources: has '/etc', which is neither a folder within the project"),
        ({"group_by": ["tag:erly"]}, "aws_batch.group_by: no node has the tag 'erly'. Did you mean 'early'?"),
    ],
)  # fmt: skip
def test_the_configuration_is_read_strictly(make_project: Make, configuration: Any, message: str) -> None:
    whole = {**CONFIGURATION, **configuration} if isinstance(configuration, dict) else configuration
    if configuration == {"job_definition": "d"}:
        whole = configuration
    assert message in found(make_project, Sources(catalog=REMOTE_CHAIN, configuration=whole))


def test_a_dataset_in_memory_between_nodes_is_fine_while_they_share_a_job(make_project: Make) -> None:
    catalog = {name: config for name, config in REMOTE_CHAIN.items() if name != "middle"}
    report = found(make_project, Sources(catalog=catalog))
    assert re.fullmatch(r"warning: dataset 'middle': pipeline 'ending' can't run by itself: .*", report)


def test_a_dataset_in_memory_between_jobs_is_lost(make_project: Make) -> None:
    catalog = {name: config for name, config in REMOTE_CHAIN.items() if name != "middle"}
    report = found(make_project, Sources(catalog=catalog, configuration=CONFIGURATION | {"group_by": []}))
    assert report.splitlines()[0] == (
        "dataset 'middle': passes from node 'first' to 'second' in memory, but aws_batch.group_by does not hold "
        "'memory'. Add it to conf/aws_batch/catalog.yml, or add 'memory' to group_by to run both nodes in one job."
    )


def test_transcoding_through_memory_is_lost_even_within_one_job(make_project: Make) -> None:
    registry = """
    def register_pipelines():
        return {"__default__": pipeline([
            node(same, "params:x", "t@a", name="writes"), node(same, "t@b", "final", name="reads"),
        ])}
    """
    catalog = {"t@a": pickled("s3://b/t"), "final": pickled("s3://b/f")}
    report = found(make_project, Sources(registry, catalog))
    assert "from node 'writes' to 'reads' as 't@a' and 't@b', of which 't@b' is not in the catalog" in report


def test_a_dataset_on_this_machine_cannot_be_reached_by_jobs(make_project: Make) -> None:
    report = found(make_project, Sources(catalog=REMOTE_CHAIN | {"raw": pickled("data/raw.pkl")}))
    assert report.startswith(
        "dataset 'raw': lies on this machine (data/raw.pkl), which jobs can't reach. Give it a path on S3"
    )


def test_a_free_input_that_nobody_makes_is_named_with_its_readers_and_what_it_resembles(make_project: Make) -> None:
    registry = """
    def register_pipelines():
        return {"__default__": pipeline([node(pair, ["raw", "rwa"], "final", name="reads")])}
    """
    assert found(make_project, Sources(registry, REMOTE_CHAIN)) == (
        "dataset 'rwa': is read by 'reads', but no node makes it and it is not in the catalog. "
        "Add it to conf/aws_batch/catalog.yml. Did you mean 'raw'?"
    )


def test_a_dataset_type_that_cannot_be_loaded_is_reported_once(make_project: Make) -> None:
    wrong = {"type": "pandas.CSVDataSets", "filepath": "s3://b/x"}
    report = problems(make_project, Sources(catalog={"raw": wrong, "middle": wrong, "final": pickled("s3://b/f")}))
    assert [problem.where for problem in report] == ["datasets 'middle', 'raw'"]
    assert "CSVDataSets" in report[0].what


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"vcpus": 1, "memory": 2048}, ""),
        ({"vcpus": 1, "memory": 2000}, "with 2000 MiB. The nearest that is large enough is vcpus: 1, memory: 2048."),
        ({"vcpus": 3, "memory": 3000}, "The nearest that is large enough is vcpus: 4, memory: 8192."),
        ({"vcpus": 1}, "Fargate needs vcpus and memory together."),
        ({"vcpus": 1, "memory": 2048, "gpus": 1}, "Fargate has no GPUs."),
        ({}, ""),
    ],
)  # fmt: skip
def test_fargate_s_sizes_are_known(make_project: Make, resources: dict[str, Any], message: str) -> None:
    report = found(make_project, configured(launch_type="FARGATE", resources={"default": resources}))
    assert (message in report) if message else (report == "")


def test_nodes_that_share_a_job_must_want_the_same_one(make_project: Make) -> None:
    catalog = {name: config for name, config in REMOTE_CHAIN.items() if name != "middle"}
    resources = {"nodes": {"first": {"job_definition": "one"}, "second": {"job_definition": "two"}}}
    report = found(make_project, Sources(catalog=catalog, configuration=CONFIGURATION | {"resources": resources}))
    assert report.startswith("nodes 'first', 'second': share a job")
    assert "but their job_definition differs: 'one', 'two'." in report


def test_fargate_s_size_is_that_of_all_nodes_of_a_job(make_project: Make) -> None:
    catalog = {name: config for name, config in REMOTE_CHAIN.items() if name != "middle"}
    nodes = {"first": {"vcpus": 8, "memory": 16384}, "second": {"vcpus": 4, "memory": 30720}}
    more = {"launch_type": "FARGATE", "resources": {"nodes": nodes}}
    report = found(make_project, Sources(catalog=catalog, configuration=CONFIGURATION | more))
    assert "no size of 8 vCPU with 30720 MiB. The nearest that is large enough is vcpus: 8, memory: 32768." in report


def test_no_number_of_names_keeps_a_group_from_running_since_its_job_asks_for_them(make_project: Make) -> None:
    registry = """
    def register_pipelines():
        nodes = [node(same, f"d{i}", f"d{i + 1}", name=f"{'long' * 20}_{i}") for i in range(400)]
        return {"__default__": pipeline(nodes)}
    """
    assert found(make_project, Sources(registry, {"d0": pickled("s3://b/0")})) == ""


def test_a_bucket_that_nobody_has_named_yet_is_warned_of(make_project: Make) -> None:
    named = {"raw": pickled("s3://bucket/raw.pkl"), "middle": pickled("s3://CHANGE-ME/middle.pkl")}
    report = found(make_project, Sources(catalog={**REMOTE_CHAIN, **named}))
    assert report == (
        "warning: dataset 'middle': the bucket is still the placeholder CHANGE-ME. "
        "Name yours in conf/aws_batch/catalog.yml before you deploy."
    )


def test_variables_that_lead_jobs_to_other_code_are_warned_of(make_project: Make) -> None:
    default = {"environment": {"PYTHONPATH": "/x", "OMP_NUM_THREADS": "1"}}
    configuration = {**CONFIGURATION, "resources": {"default": default}, "request_environment": ["PATH"]}
    report = found(make_project, Sources(catalog=REMOTE_CHAIN, configuration=configuration))
    assert report.splitlines() == [
        (
            "warning: nodes 'first', 'second': 'PYTHONPATH' in the environment can lead the job to other code or "
            "configuration than the image's. Set it in the image if it must be set."
        ),
        (
            "warning: parameters of 'aws_batch', aws_batch.request_environment: whoever starts runs may set 'PATH', "
            "and so lead jobs to other code or configuration. Remove it, unless all of them may run code as the jobs."
        ),
    ]


def test_a_secret_in_a_job_s_environment_is_warned_of(make_project: Make) -> None:
    report = found(make_project, configured(resources={"nodes": {"first": {"environment": {"DB_PASSWORD": "x"}}}}))
    assert report.startswith("warning: node 'first': 'DB_PASSWORD' in its environment looks like a secret")


def test_names_that_kedro_run_cannot_take_matter_only_to_it(make_project: Make) -> None:
    registry = """
    def register_pipelines():
        nodes = [node(same, "raw", "final", name="n")]
        return {"__default__": pipeline(nodes, namespace="a,b", inputs="raw", outputs="final")}
    """
    assert found(make_project, Sources(registry, REMOTE_CHAIN)) == ""
    sources = Sources(registry, REMOTE_CHAIN, CONFIGURATION | {"job_command": "kedro-run"})
    assert found(make_project, sources) == (
        "pipeline '__default__': Node 'a,b.n' has a comma in its name: job_command 'kedro-run' can't pass it."
    )


def test_namespaces_share_a_job_by_their_first_part_as_kedro_groups_them(make_project: Make) -> None:
    registry = """
    def register_pipelines():
        return {"__default__": pipeline([
            node(same, "raw", "middle", name="first", namespace="a.b"),
            node(same, "middle", "final", name="second", namespace="a.c"),
        ])}
    """
    nodes = {"a.b.first": {"vcpus": 8, "memory": 16384}, "a.c.second": {"vcpus": 4, "memory": 30720}}
    more = {"launch_type": "FARGATE", "group_by": ["namespace"], "resources": {"nodes": nodes}}
    assert found(make_project, Sources(registry, REMOTE_CHAIN, CONFIGURATION | more)) == (
        "nodes 'a.b.first', 'a.c.second': Fargate has no size of 8 vCPU with 30720 MiB. "
        "The nearest that is large enough is vcpus: 8, memory: 32768."
    )


def test_a_project_without_nodes_is_no_run(make_project: Make) -> None:
    registry = 'def register_pipelines():\n    return {"__default__": pipeline([])}\n'
    assert "no pipeline has any nodes" in found(make_project, Sources(registry))
