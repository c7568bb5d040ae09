"""Refusals before a run is made, because Batch would take none of its jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import pytest

from dag.errors import NotReadyError
from dag.offer import Offer, asked_of, offer_faults, refuse_unready
from dag.plan import Group, Plan, RunSettings
from dag.status import OnFailure

UP = {"state": "ENABLED", "status": "VALID"}


def plan(*places: tuple[str, str], shares: Sequence[str | None] = ()) -> Plan:
    """Return the plan of a run with a job for each queue and definition, with their share identifiers in turn."""
    groups = tuple(
        Group(
            (f"n{number}",),
            ("",),
            (),
            {"job_queue": queue, "job_definition": definition, "share_identifier": share},
            {},
            (),
        )
        for number, ((queue, definition), share) in enumerate(zip_longest(places, shares))
    )
    settings = RunSettings(OnFailure.ABORT, "job", "EC2", None, None, True)
    return Plan("2026-11-22T13.11.00.123Z", "project", "aws_batch", ("__default__",), {}, settings, groups, {})


def queue(name: str, *environments: str, **changes: Any) -> dict[str, Any]:
    order = [{"order": 1, "computeEnvironment": f"arn:{each}"} for each in environments or ("well",)]
    return {"jobQueueName": name, "computeEnvironmentOrder": order, **UP, **changes}


def environment(name: str, **changes: Any) -> dict[str, Any]:
    return {"computeEnvironmentArn": f"arn:{name}", "computeEnvironmentName": name, **UP, **changes}


def refusal(*queues: Mapping[str, Any], environments: Any = (), definitions: Any = ("d",), near: Any = ()) -> str:
    """Return why a run with the queue `q` and the definition `d` is refused; empty if it isn't."""
    offer = Offer(queues, [environment("well"), *environments], dict.fromkeys(definitions, 1), "eu-west-1", near)
    try:
        refuse_unready(plan(("q", "d")), offer)
    except NotReadyError as error:
        return f"{error.kind}, {error}".removeprefix("NotReady, No run was started. ")
    return ""


@pytest.mark.parametrize("status", ["VALID", "CREATING", "UPDATING"])
def test_queues_that_take_jobs_or_soon_will_are_not_refused(status: str) -> None:
    assert refusal(queue("q", "e", status=status), environments=[environment("e", status=status)]) == ""


def test_a_queue_that_is_not_there_is_named_with_the_nearest_that_is() -> None:
    assert refusal(near=["other", "qq"]) == (
        "The job queue 'q' is not in eu-west-1 in this account. Did you mean 'qq'? Make it, or correct "
        "aws_batch.job_queue and deploy."
    )


def test_a_definition_without_an_active_revision_is_named() -> None:
    assert refusal(queue("q"), definitions=(), near=["dd"]) == (
        "The job definition 'd' has no active revision in eu-west-1 in this account. Did you mean 'dd'? Make it, or "
        "correct aws_batch.job_definition and deploy."
    )


def test_a_disabled_queue_is_told_with_the_command_that_enables_it() -> None:
    assert refusal(queue("q", state="DISABLED")) == (
        "The job queue 'q' is DISABLED, so it takes no jobs. Enable it: aws batch update-job-queue --job-queue=q "
        "--state=ENABLED"
    )


@pytest.mark.parametrize("status", ["INVALID", "DELETING", "DELETED"])
def test_a_queue_that_takes_no_jobs_is_told_with_its_status_and_reason(status: str) -> None:
    assert refusal(queue("q", status=status, statusReason="So it is.")) == (
        f"The job queue 'q' is {status} (So it is), so it takes no jobs. Fix or replace it: `aws batch "
        "describe-job-queues` shows all of it."
    )


def test_a_queue_without_an_environment_that_runs_jobs_is_told_with_each_one_s_reason() -> None:
    off, bad = (
        environment("off", state="DISABLED", statusReason="Healthy"),
        environment("bad", status="INVALID", statusReason="No role."),
    )
    assert refusal(queue("q", "off", "bad"), environments=[off, bad]) == (
        "The job queue 'q' has no compute environment that runs jobs: 'off' is DISABLED and VALID, 'bad' is ENABLED "
        "and INVALID (No role). Enable one, or fix it: aws batch update-compute-environment "
        "--compute-environment=<name> --state=ENABLED"
    )
    assert "runs jobs: there is none." in refusal(queue("q", "gone"))


def test_one_environment_that_runs_jobs_is_enough() -> None:
    assert refusal(queue("q", "off", "well"), environments=[environment("off", state="DISABLED")]) == ""


def test_all_that_is_wrong_is_told_at_once() -> None:
    offer = Offer([queue("a", state="DISABLED")], [environment("well")], {"d": 1}, "eu-west-1")
    with pytest.raises(NotReadyError) as refused:
        refuse_unready(plan(("a", "d"), ("b", "d"), ("a", "e")), offer)
    named = ("The job queue 'b' is not", "The job queue 'a' is DISABLED", "The job definition 'e' has no")
    assert all(each in str(refused.value) for each in named)


@pytest.mark.parametrize(
    ("policy", "shares", "refused"),
    [
        (None, [None, None], ""),
        (
            None,
            [None, "team"],
            "no job with a share_identifier, like that of 'n1' ('team'). Remove share_identifier",
        ),
        ("arn:fair", ["team", "others"], ""),
        (
            "arn:fair",
            ["team", None],
            "takes no job without a share_identifier, like that of 'n1'. Give all jobs one: ",
        ),
    ],
)
def test_a_share_identifier_goes_with_a_queue_that_shares_fairly(
    policy: str | None, shares: list[str | None], refused: str
) -> None:
    fair = queue("q", schedulingPolicyArn=policy) if policy else queue("q")
    offer = Offer([fair], [environment("well")], {"d": 1}, "eu-west-1")
    told = [
        f"{each.what} {each.remedy}"
        for each in offer_faults(asked_of(plan(("q", "d"), ("q", "d"), shares=shares)), offer)
    ]
    assert (len(told), refused in "".join(told)) == (bool(refused), True)
