"""Changes of a deployment to a stack's queue that AWS refuses, or that jobs in it would not survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.problems import Problem

from .parameters import FARGATE, OWN, PARAMETERS, text_of
from .standing import KEPT, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kedro_aws_batch._service.dag.document import GraphDocument

#: CloudFormation replaces an environment on Fargate when these change: its schema of AWS::Batch::ComputeEnvironment
#: calls them create-only, unless ReplaceComputeEnvironment is false, which it can be only for EC2.
_OF_FARGATES_ENVIRONMENT = ("subnets", "security_groups", "spot")
#: Lists whose order doesn't matter.
_SETS = ("subnets", "security_groups")


def wanted(document: GraphDocument, params: Mapping[str, Any], batch: str) -> Standing | None:
    """Return what a deployment would make the queue with; None if it makes none."""
    if batch == OWN:
        return None
    said = {name: PARAMETERS[name].default if params.get(name) is None else text_of(params[name]) for name in KEPT}
    known = {name: None if value is not None and "${" in value else value for name, value in said.items()}
    return Standing(batch, document.run["job_queue"], document.run["job_definition"], known)


def unwelcome(now: Standing | None, then: Standing | None, used: Callable[[], str | None]) -> list[Problem]:
    """Return the parts of a change that AWS refuses, or else those that running jobs would not survive.

    `used` returns what is in use; it is called only if that matters. There is a warning for a queue that goes.
    """
    if now is None:
        return []
    if then is not None and (refused := list(_impossible(now, then))):
        return refused
    gone = _replaced(now, then)
    if gone and (in_the_way := used()):
        what = f"takes away {' and '.join(gone)}, and {in_the_way}."
        to_do = (
            "Wait until no run is open and the queue is empty, or cancel the runs, and deploy while no schedule is due."
        )
        return [Problem("the deployment", what, to_do)]
    if then is None:
        what = "belongs to this stack. This deployment removes it, its definition and its jobs' logs."
        return [Problem(f"job queue '{now.queue}'", what, "Runs then need one of your own.", warning=True)]
    return []


def _impossible(now: Standing, then: Standing) -> Iterator[Problem]:
    """Yield the parts of a change that AWS refuses."""
    if now.queue != then.queue:
        return  # a new queue can be anything
    if now.batch != then.batch:  # of its environments the API reference says: "Amazon EC2 and Fargate … can't be mixed"
        yield Problem(
            f"job queue '{now.queue}'",
            f"runs on {now.batch}, and can't be moved to {then.batch}.",
            "Name another one in aws_batch.job_queue. Or deploy twice: first with --param=batch=own, which removes the "
            "queue, its definition and its jobs' logs, and then as now.",
        )
    if _differs("fair_share", now, then):
        # "Once a job queue is created, the fair-share scheduling policy can be replaced but not removed", says the API
        # reference of UpdateJobQueue, and a queue that was made without one takes none.
        before = now.made_with["fair_share"]
        what = "its fair sharing can't be removed" if before == "true" else "can't be made to share fairly"
        to_do = f'Leave fair_share at "{before}", or name another queue in aws_batch.job_queue.'
        yield Problem(f"job queue '{now.queue}'", f"exists, and {what}.", to_do)


def _replaced(now: Standing, then: Standing | None) -> list[str]:
    """Return what a change would remove while jobs are in it, each with the reason."""
    if then is None:
        return [f"the job queue '{now.queue}' (batch is own)"]
    gone = []
    if now.queue != then.queue:
        gone.append(f"the job queue '{now.queue}' (aws_batch.job_queue is '{then.queue}')")
    if now.definition != then.definition:
        gone.append(f"the job definition '{now.definition}' (aws_batch.job_definition is '{then.definition}')")
    changed = [name for name in KEPT if _differs(name, now, then)]
    names = [*(_OF_FARGATES_ENVIRONMENT if now.batch == FARGATE else ()), "compute_environment_name"]
    if environment := [name for name in changed if name in names]:
        gone.append(f"the compute environment ({', '.join(environment)} changed)")
    if "job_role_name" in changed:
        gone.append("the role of the jobs (job_role_name changed)")
    return gone


def _differs(name: str, now: Standing, then: Standing) -> bool:
    before, after = now.made_with[name], then.made_with[name]
    if after is None or before is None:
        return False  # osls will fill it in
    if name in _SETS:
        return sorted(before.split(",")) != sorted(after.split(","))
    return before != after
