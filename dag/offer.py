"""What Batch has of the queues and definitions that a run is to use, and whether it would take the run's jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import NotReadyError, did_you_mean
from .plan import Plan

#: The statuses of queues and compute environments that take no jobs; those being made or updated do, or will.
_BROKEN = ("INVALID", "DELETING", "DELETED")


@dataclass(frozen=True)
class Offer:
    """Queues and compute environments as Batch describes them, and the names of definitions that can be used."""

    queues: Sequence[Mapping[str, Any]]
    environments: Sequence[Mapping[str, Any]]
    definitions: Collection[str]
    region: str
    #: Where one of those that were asked for isn't there, the names of others that are.
    near: Collection[str] = ()


def asked_of(plan: Plan) -> tuple[list[str], list[str]]:
    """Return the queues and the definitions that a plan's jobs go to."""
    queues, definitions = (
        sorted({group.resources[kind] for group in plan.groups}) for kind in ("job_queue", "job_definition")
    )
    return queues, definitions


def refuse_unready(plan: Plan, offer: Offer) -> None:
    """Raise NotReadyError for queues and definitions that aren't there, or would take no jobs."""
    queues, definitions = asked_of(plan)
    found = {queue["jobQueueName"]: queue for queue in offer.queues}
    wrong = [
        *(_absent("job queue", name, offer) for name in queues if name not in found),
        *(why for name in queues if name in found for why in _unready(found[name], offer)),
        *(_absent("job definition", name, offer) for name in definitions if name not in offer.definitions),
    ]
    if wrong:
        raise NotReadyError(f"No run was started. {' '.join(wrong)}")


def _absent(what: str, name: str, offer: Offer) -> str:
    key = what.replace(" ", "_")
    lacks = "There is no" if what == "job queue" else "There is no active revision of the"
    near = did_you_mean(name, offer.near)
    return (
        f"{lacks} {what} '{name}' in {offer.region} in this account.{near} Make it, or mend aws_batch.{key} and deploy."
    )


def _unready(queue: Mapping[str, Any], offer: Offer) -> Iterator[str]:
    name = queue["jobQueueName"]
    if queue["state"] != "ENABLED":
        enable = f"aws batch update-job-queue --job-queue={name} --state=ENABLED"
        yield f"The job queue '{name}' is {queue['state']}, so it takes no jobs. Enable it: {enable}"
    if queue["status"] in _BROKEN:
        yield f"The job queue '{name}' is {queue['status']}{_reason(queue)}, so it takes no jobs. Mend or replace it."
    arns = {each["computeEnvironment"] for each in queue["computeEnvironmentOrder"]}
    behind = [each for each in offer.environments if each["computeEnvironmentArn"] in arns]
    if not any(each["state"] == "ENABLED" and each["status"] not in _BROKEN for each in behind):
        told = [
            f"'{each['computeEnvironmentName']}' is {each['state']} and {each['status']}{_reason(each)}"
            for each in behind
        ]
        yield (
            f"The job queue '{name}' has no compute environment that runs jobs: {', '.join(told) or 'there is none'}. "
            "Enable one, or mend it: aws batch update-compute-environment --compute-environment=<name> --state=ENABLED"
        )


def _reason(described: Mapping[str, Any]) -> str:
    if described["status"] not in _BROKEN:
        return ""
    reason = str(described.get("statusReason") or "").rstrip(".")
    return f" ({reason})" if reason else ""
