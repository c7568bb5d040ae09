"""Why a job stays RUNNABLE, in Batch's words and in ours.

Batch puts a code in front of the reason, in DescribeJobs and in `Batch Job Queue Blocked` events, for the job at the
head of its queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .document import Resources
from .resources import amounts
from .status import JobStatus

#: Batch's documented codes (AWS Batch User Guide, "Jobs stuck in a RUNNABLE status"), and what to do about each.
REMEDIES: Mapping[str, str] = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": (
        "AWS has no free instance of the requested types. Allow more instance types or Availability Zones in the "
        "compute environment, or use on-demand instead of Spot."
    ),
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": (
        "The job asks for more than the compute environment can ever have. Raise its maxvCpus, or lower the node's "
        "resources in aws_batch.resources."
    ),
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": (
        "No instance type of the compute environment is large enough for the job. Allow larger types, or lower the "
        "node's vcpus, memory or gpus in aws_batch.resources."
    ),
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS": (
        "The compute environment's service role lacks permissions. Compare it with AWSBatchServiceRole, or use the "
        "service-linked role."
    ),
    "ACTION_REQUIRED": (
        "All compute environments of the queue are invalid. `aws batch describe-compute-environments` says why: fix "
        "one, or give the queue another."
    ),
    "UNDETERMINED": (
        "Batch can't tell why. Look at the compute environment's state, its subnets' route to ECR and ECS, and the "
        "account's vCPU quotas."
    ),
}


@dataclass(frozen=True)
class Blocked:
    """What blocks a job at the head of its queue."""

    code: str
    reason: str
    remedy: str


def read_blocked(detail: Mapping[str, Any]) -> Blocked | None:
    """Return why a job is stuck, from its description or an event's detail; None if it isn't known to be."""
    reason = str(detail.get("statusReason") or "").strip()
    if detail.get("status") != JobStatus.RUNNABLE or not reason:
        return None
    code = next((code for code in REMEDIES if reason.startswith(code)), "UNDETERMINED")
    return Blocked(code, reason, REMEDIES[code])


def asked_for(resources: Resources) -> str:
    """Return a job's request in words: `4 vCPUs, 8000 MiB, 1 GPUs`."""
    return amounts(resources) or "the definition's own"
