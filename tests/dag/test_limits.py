"""The table of AWS's limits agrees with AWS's own service models, and names its sources for the rest."""

from __future__ import annotations

import re

import botocore.session
import pytest

from dag import limits
from dag.limits import LIMITS, Limit, Refused
from dag.sizes import FARGATE

_SESSION = botocore.session.get_session()
#: A limit, and the shape of the service's model that states it.
MODELLED = [
    (limits.BATCH_WRITE, "dynamodb", "WriteRequests"),
    (limits.BATCH_GET, "dynamodb", "KeyList"),
    (limits.EVENTS_AT_ONCE, "events", "PutEventsRequestEntryList"),
    (limits.TAG_KEY, "batch", "TagKey"),
    (limits.RULE_INPUT, "events", "TransformerInput"),
]
#: A limit, and where the service's documentation writes its numbers.
DOCUMENTED = [
    (limits.JOB_NAME_LENGTH, "batch", "SubmitJobRequest.jobName", "up to {most} letters"),
    (limits.DEPENDENCIES, "batch", "SubmitJobRequest.dependsOn", "maximum of {most} jobs"),
    (limits.PRIORITY, "batch", "SubmitJobRequest.schedulingPriorityOverride", "is {least} and the .* is {most}"),
    (limits.ATTEMPTS, "batch", "RetryStrategy.attempts", "between {least} and {most} attempts"),
    (limits.EXIT_RULES, "batch", "RetryStrategy.evaluateOnExit", "up to {most} objects"),
    (limits.EXIT_PATTERN, "batch", "EvaluateOnExit.onReason", "up to {most} characters"),
    (limits.TIMEOUT_SECONDS, "batch", "JobTimeout.attemptDurationSeconds", "is {least} seconds"),
    (limits.DESCRIBE_JOBS, "batch", "DescribeJobsRequest.jobs", "up to {most} job IDs"),
    (
        limits.LIST_JOBS_FILTERED,
        "batch",
        "ListJobsRequest.maxResults",
        "filters</code> is used, .* up to {most} values",
    ),
    (limits.LIST_JOBS, "batch", "ListJobsRequest.maxResults", "status</code> is used, .* up to {most} values"),
    (limits.LIST_JOBS_FILTERS, "batch", "ListJobsRequest.filters", "Only one filter"),
    (limits.REASON, "batch", "TerminateJobRequest.reason", "limit of {most} characters"),
    (limits.MEMORY_MIB, "batch", "ResourceRequirement.value", "at least {least} MiB"),
    (limits.EC2_VCPUS, "batch", "ResourceRequirement.value", "at least one vCPU"),
    (limits.JOB_STATE_SECONDS, "batch", "JobStateTimeLimitAction.maxTimeSeconds", "is {least} .* is {most} "),
    (limits.OVERRIDES, "ecs", "RunTaskRequest.overrides", "total of {most} characters"),
]


@pytest.mark.parametrize(("limit", "service", "shape"), MODELLED)
def test_what_a_service_model_states_is_what_the_table_says(limit: Limit, service: str, shape: str) -> None:
    stated = _SESSION.get_service_model(service).shape_for(shape).metadata
    assert (stated["min"], stated["max"]) == (limit.least, limit.most)


@pytest.mark.parametrize(("limit", "service", "member", "words"), DOCUMENTED)
def test_what_a_service_documents_is_what_the_table_says(limit: Limit, service: str, member: str, words: str) -> None:
    shape, _, name = member.partition(".")
    model: object = _SESSION.get_service_model(service).shape_for(shape)
    documentation = re.sub(r"(?<=\d),(?=\d)", "", model.members[name].documentation)  # type: ignore[attr-defined]
    assert re.search(words.format(least=limit.least, most=limit.most), documentation)


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_says_what_it_is_of_what_aws_answers_and_who_says_so(name: str) -> None:
    limit = LIMITS[name]
    assert limit.what
    assert limit.answer if isinstance(limit, Refused) else limit.beyond
    assert limit.source


def test_a_limit_allows_its_ends_and_nothing_beyond_them() -> None:
    size = limits.ARRAY_SIZE
    assert [size.allows(given) for given in (1, 2, 10_000, 10_001)] == [False, True, True, False]


def test_a_refusal_is_told_in_awss_words() -> None:
    assert limits.SUBMIT_BYTES.answer(47 * 1024 - 5) == "Job size must be less than 30 KiB, got 47 KiB"
    assert limits.OVERRIDES.answer(9000) == "Container Overrides length must be at most 8192"
    assert limits.ARRAY_SIZE.answer(10_001) == "Array job size must be between 2 and 10000, not 10001"


def test_names_and_amounts_have_a_form() -> None:
    assert limits.JOB_NAME.allows("a" * 128)
    assert not any(map(limits.JOB_NAME.allows, ("a" * 129, "-a", "a.b", "", "a\n")))
    assert limits.AMOUNT.allows("1048576")
    assert not any(map(limits.AMOUNT.allows, ("1.04858e+06", "1.0", "0", "-1", "1_000", " 1", "²", "")))
    assert limits.VARIABLE_NAME.allows("AWS_REGION")
    assert not limits.VARIABLE_NAME.allows("AWS_BATCH_JOB_ID")


def test_memory_that_fargate_offers_is_an_amount_that_batch_takes() -> None:
    assert all(limits.AMOUNT.allows(str(memory)) for sizes in FARGATE.values() for memory in sizes)
