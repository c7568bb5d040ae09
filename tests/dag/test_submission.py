"""SubmitJob's requests, and refusals before anything is started."""

from __future__ import annotations

import fnmatch
import json
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag import limits
from dag.document import Dataset, Node
from dag.errors import InvalidRequestError
from dag.payload import MOST_CHARACTERS, characters, token, unpacked
from dag.plan import Home, Plan
from dag.shards import Mark
from dag.sizes import MemoryRetry
from dag.submission import (
    ARRAY_FROM,
    LARGEST_ARRAY,
    first_jobs,
    pack,
    refuse_oversized,
    retry_strategy,
    submission,
)

from .build import RUN_ID, document, plan, plan_of
from .graphs import make_node

TRAIN = Node(
    "science.train",
    "train: …",
    "science",
    frozenset({"gpu"}),
    ("table", "params:rate"),
    ("model",),
    {
        "vcpus": 4.0,
        "memory": 4000,
        "gpus": 1,
        "timeout": 300,
        "job_definition": "definition_2",
        "environment": {"OMP_NUM_THREADS": "1"},
    },
)
HOME = Home("eu-west-1", "arn:aws:lambda:eu-west-1:123456789012:function:service-next_group", "secret")
VERSIONED = {"table": Dataset("pandas.ParquetDataset", "remote", versioned=True)}


def test_a_job_is_asked_for_whole() -> None:
    version = "2026-01-01T00.00.00.000Z"
    request = {"params": {"rate": 0.1, "größe": "ä"}, "load_versions": {"table": version}}

    made = submission(plan(document([TRAIN], VERSIONED), request), Mark(0))

    assert made.marks == (Mark(0),)
    environment = {one["name"]: one["value"] for one in made.request["containerOverrides"]["environment"]}
    assert json.loads(environment.pop("KEDRO_AWS_BATCH_JOB")) == {
        "format": 1,
        "run_id": RUN_ID,
        "environment": "aws_batch",
        "pipelines": ["__default__"],
        "params": {"rate": 0.1, "größe": "ä"},
        "groups": [
            {
                "nodes": ["science.train"],
                "signatures": TRAIN.signature[:6],
                "load_versions": {"table": version},
                "pipelines": ["__default__"],
            }
        ],
    }
    assert environment == {"KEDRO_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    assert made.request == {
        "jobName": "project--2026-11-22T13-11-00-123Z--0-0--science-train",
        "jobQueue": "queue",
        "jobDefinition": "definition_2",
        "containerOverrides": {
            "command": ["python", "-m", "kedro_aws_batch.job"],
            "environment": made.request["containerOverrides"]["environment"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "4"},
                {"type": "MEMORY", "value": "4000"},
                {"type": "GPU", "value": "1"},
            ],
        },
        "retryStrategy": retry_strategy(1),
        "tags": {"kedro-project": "project", "kedro-run-id": RUN_ID},
        "propagateTags": True,
        "timeout": {"attemptDurationSeconds": 300},
    }


def test_what_nobody_asked_for_is_the_job_definition_s_business() -> None:
    request = submission(plan(document([make_node("bare")]), {}), Mark(0)).request
    assert "resourceRequirements" not in request["containerOverrides"]
    assert {"timeout", "shareIdentifier", "schedulingPriorityOverride"} & set(request) == set()


def test_a_share_and_a_priority_are_passed_on() -> None:
    shared = replace(make_node("n"), resources={"share_identifier": "team", "priority": 0})
    request = submission(plan(document([shared]), {}), Mark(0)).request
    assert (request["shareIdentifier"], request["schedulingPriorityOverride"]) == ("team", 0)


def test_in_a_share_the_start_of_the_critical_path_goes_first() -> None:
    nodes = [
        make_node("a", [], ["x"]),
        make_node("b", ["x"], ["y"]),
        make_node("c", ["y"], ["z"]),
        make_node("alone", [], ["w"]),
    ]
    nodes = [replace(node, resources={"share_identifier": "team"}) for node in nodes]
    whole = plan(document(nodes), {})
    priorities = {
        whole.groups[index].title: submission(whole, Mark(index)).request["schedulingPriorityOverride"]
        for index in range(4)
    }
    assert priorities == {"a": 9999, "b": 6666, "c": 3333, "alone": 3333}


def test_a_later_attempt_has_its_own_name_more_memory_and_says_that_it_is_one() -> None:
    retrying = replace(plan(document([TRAIN]), {}))
    retrying = replace(retrying, settings=replace(retrying.settings, memory_retry=MemoryRetry(2, 10_000)))
    request = submission(retrying, Mark(0, 2)).request
    assert request["jobName"] == "project--2026-11-22T13-11-00-123Z--0-2--science-train"
    assert request["containerOverrides"]["resourceRequirements"][1] == {"type": "MEMORY", "value": "10000"}
    assert carried(request)["groups"][0]["attempt"] == 2


@pytest.mark.parametrize(
    ("attempts", "more_memory", "status_reason", "reason", "exit_code", "again"),
    [
        (1, False, "Host EC2 (instance i-0abc) terminated.", None, None, True),
        (1, False, "Your Spot Task was interrupted.", None, None, True),
        (1, False, "Task failed to start", "CannotPullContainerError: context canceled", None, True),
        (1, False, "Task failed to start", "DockerTimeoutError: Could not transition to created", None, True),
        (1, False, "Essential container in task exited", None, "1", False),
        (1, True, "Essential container in task exited", "OutOfMemoryError: Container killed", "137", False),
        (3, False, "Essential container in task exited", "OutOfMemoryError: Container killed", "137", True),
        (3, True, "Essential container in task exited", "OutOfMemoryError: Container killed", "137", False),
        (3, True, "Essential container in task exited", None, "137", False),
        (3, True, "Essential container in task exited", None, "1", True),
        (3, True, "Host EC2 (instance i-0abc) terminated.", None, "137", True),
        (3, True, "Task failed to start", "CannotPullContainerError: context canceled", None, True),
    ],
)
def test_batch_repeats_what_is_worth_it(
    attempts: int, more_memory: bool, status_reason: str, reason: str | None, exit_code: str | None, again: bool
) -> None:
    """Evaluate like Batch: the first rule whose conditions all match decides; if none matches, it tries again."""
    strategy = retry_strategy(attempts, more_memory=more_memory)
    seen = {"onStatusReason": status_reason, "onReason": reason, "onExitCode": exit_code}

    def matches(rule: Mapping[str, str]) -> bool:
        conditions = {key: pattern for key, pattern in rule.items() if key != "action"}
        return all(
            pattern == "*" or fnmatch.fnmatchcase(seen[key] or "", pattern) for key, pattern in conditions.items()
        )

    actions = [rule["action"] for rule in strategy.get("evaluateOnExit", ()) if matches(rule)]
    assert (actions[0] if actions else "RETRY") == ("RETRY" if again else "EXIT")
    assert strategy["attempts"] > 1
    assert len(strategy.get("evaluateOnExit", ())) <= 5


def test_with_one_attempt_only_what_is_no_fault_of_the_program_is_tried_again() -> None:
    assert retry_strategy(3) == {"attempts": 3}
    one = retry_strategy(1)
    assert one["attempts"] == 3
    assert [(rule["action"], *rule.keys() - {"action"}) for rule in one["evaluateOnExit"]] == [
        ("RETRY", "onStatusReason"),
        ("RETRY", "onStatusReason"),
        ("RETRY", "onReason"),
        ("RETRY", "onStatusReason"),
        ("EXIT", "onReason"),
    ]
    assert one["evaluateOnExit"][-1]["onReason"] == "*"
    assert len(one["evaluateOnExit"]) <= 5  # SubmitJob's limit


def test_a_payload_goes_with_the_request_while_it_fits_then_compressed_then_it_is_asked_for() -> None:
    def told(length: int) -> dict[str, Any]:
        noise = "".join(random.Random(7).choices("abcdefghijklmnop", k=length))
        made = replace(plan_of([[]], {"params": {"note": noise}}), home=HOME)
        request = submission(made, Mark(0)).request
        assert characters(request["containerOverrides"]) <= MOST_CHARACTERS
        return dict(json.loads(variables(request)["KEDRO_AWS_BATCH_JOB"]))

    assert len(told(6_000)["params"]["note"]) == 6_000
    assert told(8_000).keys() == {"format", "packed"}
    assert [group["nodes"] for group in unpacked(told(8_000))["groups"]] == [["n0"]]
    assert told(30_000) == {
        "format": 1,
        "run_id": RUN_ID,
        "ask": {"function": HOME.next_group, "job": "0-0", "token": told(30_000)["ask"]["token"]},
    }


def test_a_token_is_of_one_job_of_one_run_and_says_nothing_of_the_key() -> None:
    made = replace(plan_of([[], []]), home=HOME)
    other = replace(made, run_id="2026-11-22T13.11.00.124Z")
    keyed = replace(made, home=replace(HOME, key="another"))
    tokens = {token(made, "0-0"), token(made, "1-0"), token(made, "0-0a0"), token(other, "0-0"), token(keyed, "0-0")}
    assert len(tokens) == 5
    assert {len(one) for one in tokens} == {32}


def test_escapes_count_as_ecs_counts_them() -> None:
    overrides = {"command": ["x"], "environment": [{"name": "A", "value": '"ü'}]}
    variable = r'{"name":"A","value":"\"\u00fc"}'
    counted = f'{{"containerOverrides":[{{"command":["x"],"environment":[{variable}],"name":"default"}}]}}'
    assert characters(overrides) == len(counted)


def test_an_environment_that_ecs_would_not_take_is_refused_with_the_figures() -> None:
    large = replace(make_node("big"), resources={"environment": {"A": "x" * 7_000}})
    with pytest.raises(InvalidRequestError) as refused:
        refuse_oversized(plan(document([make_node("small"), large]), {}))
    assert "The job of group 'big' has 1 nodes, and its environment would take 7," in str(refused.value)
    assert "ECS takes 8,192 in all, of which we fill 7,000. Set fewer or shorter variables." in str(refused.value)
    refuse_oversized(plan(document([replace(large, resources={"environment": {"A": "x" * 6_000}})]), {}))


def test_no_size_of_parameters_or_of_a_group_keeps_a_run_from_starting() -> None:
    long = [make_node("x" * 2_000 + str(index), [], [f"d{index}"], "together") for index in range(20)]
    whole = document([make_node("small"), *long], group_by=["namespace"])
    refuse_oversized(plan(whole, {"params": {"note": "ü" * 60_000}}))


def test_a_command_that_ecs_would_not_take_is_refused() -> None:
    many = [make_node(f"{'n' * 100}{index}", [], [f"d{index}"], "together") for index in range(80)]
    whole = document(many, group_by=["namespace"], job_command="kedro-run")
    with pytest.raises(InvalidRequestError, match=r"80 nodes, and the command .* take \d,\d\d\d .*job_command 'job'"):
        refuse_oversized(plan(whole, {}))


# Arrays


@given(st.integers(1, 60), st.integers(0, 2_500), st.integers(1, 3), st.booleans())
def test_each_attempt_is_in_one_job_and_ecs_starts_every_job(
    count: int, length: int, kinds: int, array_jobs: bool
) -> None:
    nodes = [
        replace(make_node("n" * length + str(index), [], [f"d{index}"]), resources={"memory": 1000 + index % kinds})
        for index in range(count)
    ]
    whole = plan(document(nodes, array_jobs=array_jobs), {})
    marks = [Mark(index) for index in range(count)]

    jobs = pack(whole, marks)

    assert sorted(mark for job in jobs for mark in job.marks) == marks
    for job in jobs:
        assert characters(job.request["containerOverrides"]) <= MOST_CHARACTERS
        assert len({whole.groups[mark.group].resources["memory"] for mark in job.marks}) == 1
        size = job.request.get("arrayProperties", {}).get("size", 1)
        assert (size, job.is_array) == (len(job.marks), len(job.marks) > 1)
        told = carried(job.request)
        if "ask" in told:
            group = job.marks[0].group
            assert told["ask"]["job"] == (f"{group}-0a0" if job.is_array else f"{group}-0")
        else:
            assert [tuple(one["nodes"]) for one in told["groups"]] == [
                whole.groups[mark.group].nodes for mark in job.marks
            ]
    first = [job.marks[0] for job in jobs]
    assert first == sorted(first)
    if not array_jobs or count < ARRAY_FROM:
        assert len(jobs) == count


def test_no_array_is_larger_than_batch_takes_one() -> None:
    bare = Mark(0)
    whole = plan_of([[]])
    tiny = replace(whole.groups[0], nodes=("n",), pipelines=())
    many = replace(whole, groups=(tiny,) * (LARGEST_ARRAY + 2))
    sizes = [len(job.marks) for job in pack(many, [Mark(index) for index in range(LARGEST_ARRAY + 2)])]
    assert sum(sizes) == LARGEST_ARRAY + 2
    assert max(sizes) <= LARGEST_ARRAY
    assert pack(many, [bare])[0].request["jobName"].endswith("--0-0--n")


def test_similar_attempts_are_an_array_from_three_on() -> None:
    nodes = [
        replace(make_node(f"n{index}", [], [f"d{index}"]), resources={"memory": 1000 + index // 3})
        for index in range(5)
    ]
    whole = plan(document(nodes), {})
    sizes = [[len(job.marks) for job in pack(whole, [Mark(index) for index in range(count)])] for count in (2, 3, 5)]
    assert sizes == [[1, 1], [3], [3, 1, 1]]


def test_a_slice_has_so_many_jobs_and_no_more_attempts_than_an_array_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, marks = plan_of([[]] * 7), [Mark(index) for index in range(7)]
    single = replace(whole, settings=replace(whole.settings, array_jobs=False))
    assert first_jobs(single, marks, 2) == marks[:2]
    assert first_jobs(whole, marks, 2) == marks
    monkeypatch.setattr("dag.submission.LARGEST_ARRAY", 3)
    assert first_jobs(whole, marks, 2) == marks[:3]


# Containers that carry on, retries and priorities


def test_a_container_that_carries_on_has_as_long_as_it_may_and_its_longest_group_besides() -> None:
    def asked(timeout: int, seconds: int) -> Any:
        settings = {"warm_containers": True, "warm_seconds": seconds}
        whole = plan_of([[]], {"params": {"aws_batch": {**settings, "resources": {"default": {"timeout": timeout}}}}})
        return submission(whole, Mark(0)).request["timeout"]

    assert asked(600, 3_600) == {"attemptDurationSeconds": 4_200}
    most = limits.TIMEOUT_SECONDS.most
    assert asked(most - 3_600, 3_600) == asked(most - 3_599, 3_600) == {"attemptDurationSeconds": most}


@pytest.mark.parametrize("memory_retry", [None, {"factor": 2, "max": 9_000}])
@pytest.mark.parametrize("warm", [False, True])
def test_a_job_is_repeated_by_the_run_s_settings(memory_retry: Any, warm: bool) -> None:
    settings = {"memory_retry": memory_retry, "warm_containers": warm, "resources": {"default": {"attempts": 3}}}
    request = submission(plan_of([[]], {"params": {"aws_batch": settings}}), Mark(0)).request
    more = memory_retry is not None
    assert request["retryStrategy"] == retry_strategy(3, more_memory=more, carries_on=warm)


@pytest.mark.parametrize(("more_memory", "codes"), [(False, ["7*"]), (True, ["137", "7*"])])
def test_batch_does_not_repeat_what_a_container_that_carries_on_means(more_memory: bool, codes: list[str]) -> None:
    strategy = retry_strategy(3, more_memory=more_memory, carries_on=True)
    rules = strategy["evaluateOnExit"]
    assert strategy["attempts"] == 3
    assert [rule["action"] for rule in rules] == ["RETRY"] * 3 + ["EXIT"] * len(codes)
    assert [rule["onExitCode"] for rule in rules[3:]] == codes


def test_where_everything_took_no_time_nothing_is_urgent() -> None:
    whole = plan_of([[], [0]])
    assert [round(each) for each in whole.urgency] == [9999, 5000]
    quick = replace(whole, groups=tuple(replace(group, seconds=0.0) for group in whole.groups))
    assert list(quick.urgency) == [0, 0]


def test_a_job_is_told_its_region_if_the_service_knows_it() -> None:
    whole = plan_of([[]])
    told = [variables(submission(of, Mark(0)).request) for of in (whole, replace(whole, home=HOME))]
    assert [one.get("AWS_DEFAULT_REGION") for one in told] == [None, HOME.region]


def test_an_environment_that_just_fits_is_taken() -> None:
    def sized(length: int) -> Plan:
        node = replace(make_node("n"), resources={"environment": {"A": "x" * length}})
        return replace(plan(document([node]), {}), home=HOME)

    def size(length: int) -> int:
        return characters(submission(sized(length), Mark(0)).request["containerOverrides"])

    refuse_oversized(replace(sized(1), groups=()))  # nothing is left to do
    fits = next(length for length in range(6_900, 5_000, -1) if size(length) <= MOST_CHARACTERS)
    assert size(fits) == MOST_CHARACTERS
    refuse_oversized(sized(fits))
    with pytest.raises(InvalidRequestError, match="its environment would take 7,001"):
        refuse_oversized(sized(fits + 1))


# Images without this package


def variables(request: Any) -> dict[str, str]:
    """Return the job's environment variables."""
    return {one["name"]: one["value"] for one in request["containerOverrides"]["environment"]}


def carried(request: Any) -> Any:
    """Return the job's payload, if it has one."""
    return unpacked(json.loads(variables(request)["KEDRO_AWS_BATCH_JOB"]))
