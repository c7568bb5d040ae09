"""Batch's queues and definitions for a run's jobs, and whether they would take those jobs.

`start_run` asks before each run, and `check --aws` and `deploy` before there is any.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .document import Resources
from .errors import NotReadyError, did_you_mean
from .plan import Group, Plan

#: The statuses of queues and compute environments that take no jobs; those being made or updated do, or will.
_BROKEN = ("INVALID", "DELETING", "DELETED")
QUEUE, DEFINITION = "job queue", "job definition"


@dataclass(frozen=True)
class Offer:
    """Queues and compute environments as Batch describes them, and the usable definitions."""

    queues: Sequence[Mapping[str, Any]]
    environments: Sequence[Mapping[str, Any]]
    definitions: Mapping[str, int]  #: name → its newest revision
    region: str
    #: If a requested one doesn't exist, the names of others that do.
    near: Collection[str] = ()
    #: The seconds after which each definition ends a job without a time-out of its own; absent if it has none.
    timeouts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A possible job: its name in messages, and what it asks for."""

    title: str
    resources: Resources


@dataclass(frozen=True)
class Destinations:
    """The queues and definitions that jobs go to."""

    #: For each queue its jobs' share identifiers ("" for none), each with the title of a job that has it.
    shares: Mapping[str, Mapping[str, str]]
    definitions: Sequence[str]

    @property
    def queues(self) -> list[str]:
        """Return the names of the queues."""
        return sorted(self.shares)


@dataclass(frozen=True)
class Fault:
    """Why Batch would refuse jobs, or never run them."""

    kind: str  #: QUEUE or DEFINITION
    name: str
    what: str  #: begins with a verb: the queue or the definition is its subject
    remedy: str
    absent: bool = False


def asked_of(plan: Plan) -> Destinations:
    """Return the queues and definitions of a plan's jobs."""
    return asked_by(Candidate(group.title, group.resources) for group in plan.groups)


def asked_by(jobs: Iterable[Candidate]) -> Destinations:
    """Return the queues and definitions of jobs."""
    shares: dict[str, dict[str, str]] = {}
    definitions = set()
    for job in jobs:
        resources = job.resources
        shares.setdefault(resources["job_queue"], {}).setdefault(resources.get("share_identifier") or "", job.title)
        definitions.add(resources["job_definition"])
    return Destinations(shares, sorted(definitions))


def refuse_unready(plan: Plan, offer: Offer) -> None:
    """Raise NotReadyError for queues and definitions that don't exist or would take no jobs."""
    wrong = [f"The {each.kind} '{each.name}' {each.what} {each.remedy}" for each in offer_faults(asked_of(plan), offer)]
    if wrong:
        raise NotReadyError(f"No run was started. {' '.join(wrong)}")


def pinned(plan: Plan, offer: Offer) -> Plan:
    """Return the plan with the newest revision of each definition, so that no later deployment changes the run.

    If a job names no revision, it gets the newest at its submission.
    """

    def fixed(group: Group) -> Group:
        name = group.resources["job_definition"]
        revision = offer.definitions.get(name)
        if revision is None:
            return group
        return replace(group, resources={**group.resources, "job_definition": f"{name}:{revision}"})

    return replace(plan, groups=tuple(map(fixed, plan.groups)))


def with_timeouts(plan: Plan, offer: Offer | None) -> Plan:
    """Return a plan in which each group has its own time-out, since a container that carries on runs several.

    A definition's time-out would hold for all groups together. If it isn't known, containers don't carry on.
    """
    if not plan.settings.warm_containers:
        return plan
    without = [group for group in plan.groups if group.resources.get("timeout") is None]
    if offer is None and without:
        return replace(plan, settings=replace(plan.settings, warm_containers=False))
    timeouts = {} if offer is None else offer.timeouts

    def own(group: Group) -> Group:
        seconds = timeouts.get(group.resources["job_definition"])
        if seconds is None or group.resources.get("timeout") is not None:
            return group
        return replace(group, resources={**group.resources, "timeout": seconds})

    return replace(plan, groups=tuple(map(own, plan.groups)))


def offer_faults(asked: Destinations, offer: Offer) -> list[Fault]:
    """Return everything that would keep jobs from running."""
    found = {queue["jobQueueName"]: queue for queue in offer.queues}
    wrong = [_absent(QUEUE, name, offer) for name in asked.queues if name not in found]
    for name in asked.queues:
        if name in found:
            unshared = shares_refused(name, bool(found[name].get("schedulingPolicyArn")), asked.shares[name])
            wrong += [*_unready(found[name], offer), *([unshared] if unshared else [])]
    return wrong + [_absent(DEFINITION, name, offer) for name in asked.definitions if name not in offer.definitions]


def _absent(kind: str, name: str, offer: Offer) -> Fault:
    lacks = "is not" if kind == QUEUE else "has no active revision"
    remedy = f"Make it, or correct aws_batch.{kind.replace(' ', '_')} and deploy."
    what = f"{lacks} in {offer.region} in this account.{did_you_mean(name, offer.near)}"
    return Fault(kind=kind, name=name, what=what, remedy=remedy, absent=True)


def _unready(queue: Mapping[str, Any], offer: Offer) -> Iterator[Fault]:
    name = queue["jobQueueName"]
    if queue["state"] != "ENABLED":
        enable = f"Enable it: aws batch update-job-queue --job-queue={name} --state=ENABLED"
        yield Fault(kind=QUEUE, name=name, what=f"is {queue['state']}, so it takes no jobs.", remedy=enable)
    if queue["status"] in _BROKEN:
        mend = "Fix or replace it: `aws batch describe-job-queues` shows all of it."
        yield Fault(
            kind=QUEUE, name=name, what=f"is {queue['status']}{_reason(queue)}, so it takes no jobs.", remedy=mend
        )
    arns = {each["computeEnvironment"] for each in queue["computeEnvironmentOrder"]}
    behind = [each for each in offer.environments if each["computeEnvironmentArn"] in arns]
    if not any(each["state"] == "ENABLED" and each["status"] not in _BROKEN for each in behind):
        told = [
            f"'{each['computeEnvironmentName']}' is {each['state']} and {each['status']}{_reason(each)}"
            for each in behind
        ]
        enable = "aws batch update-compute-environment --compute-environment=<name> --state=ENABLED"
        what = f"has no compute environment that runs jobs: {', '.join(told) or 'there is none'}."
        yield Fault(kind=QUEUE, name=name, what=what, remedy=f"Enable one, or fix it: {enable}")


def shares_refused(queue: str, fair: bool, shares: Mapping[str, str]) -> Fault | None:
    """Return a fault if jobs give a share identifier and mustn't, or give none and must.

    SubmitJob, `shareIdentifier`: "Don't specify this parameter if the job queue doesn't have a fair-share scheduling
    policy. If the job queue has a fair-share scheduling policy, then this parameter must be specified."
    """
    if fair and "" in shares:
        what = f"shares fairly, so it takes no job without a share_identifier, like that of '{shares['']}'."
        remedy = "Give all jobs one: aws_batch.resources.default.share_identifier; or use a queue without that policy."
        return Fault(kind=QUEUE, name=queue, what=what, remedy=remedy)
    given = next(((share, title) for share, title in shares.items() if share and not fair), None)
    if given is None:
        return None
    what = (
        f"doesn't share fairly, so it takes no job with a share_identifier, like that of '{given[1]}' ('{given[0]}')."
    )
    remedy = "Remove share_identifier from aws_batch.resources, or use a queue with a fair-share policy."
    return Fault(kind=QUEUE, name=queue, what=what, remedy=remedy)


def _reason(described: Mapping[str, Any]) -> str:
    if described["status"] not in _BROKEN:
        return ""
    reason = str(described.get("statusReason") or "").rstrip(".")
    return f" ({reason})" if reason else ""
