"""Whether AWS Batch has what runs will use, and would take jobs: asked before anything is deployed or started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from kedro_aws_batch._service.dag.errors import DagError
from kedro_aws_batch._service.dag.offer import Candidate, Destinations, Fault, Offer, asked_by, offer_faults
from kedro_aws_batch._service.dag.preview import preview
from kedro_aws_batch._service.dag.problems import Problem
from kedro_aws_batch.aws_errors import Call, why_refused
from kedro_aws_batch.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kedro_aws_batch._service.dag.document import GraphDocument


def check_aws(document: GraphDocument, batch: Any, made: Collection[str] = ()) -> list[Problem]:
    """Return what is wrong with a graph document's queues and job definitions. Raises ServiceError.

    It doesn't ask about those that a deployment makes.
    """
    found = asked_in(document)
    shares = {name: titles for name, titles in found.shares.items() if name not in made}
    asked = Destinations(shares, [name for name in found.definitions if name not in made])
    return [_problem(fault) for fault in offer_faults(asked, _offer(asked, batch))]


def active_definitions(document: GraphDocument, batch: Any) -> list[Mapping[str, Any]]:
    """Return the newest active revision of each job definition in a graph document. Raises ServiceError."""
    found = (_active(batch, jobDefinitionName=name) for name in asked_in(document).definitions)
    return [max(revisions, key=lambda each: each["revision"]) for revisions in found if revisions]


def taken(queue: str, batch: Any) -> list[Problem]:
    """Return a problem if a queue that a stack will make exists already. Raises ServiceError."""
    if not _queues(batch, jobQueues=[queue]):
        return []
    what = "exists already outside this stack, and a second one of that name can't be made."
    to_do = "Use it as it is, with `batch: own` in the params; or name another in aws_batch.job_queue."
    return [Problem(f"job queue '{queue}'", what, to_do)]


def require_credentials(sts: Any) -> None:
    """Raise ServiceError if there are no credentials that AWS accepts."""
    try:
        sts.get_caller_identity()  # everybody may call this
    except (ClientError, BotoCoreError) as error:
        raise ServiceError(why_refused(error, Call("deploy", "sts:GetCallerIdentity")), "Refused") from error


def asked_in(document: GraphDocument) -> Destinations:
    """Return where all pipelines' jobs go, and what the configuration names though no node uses it."""
    found = asked_by(_jobs(document))
    shares = {document.run["job_queue"]: {}, **found.shares}
    return Destinations(shares, sorted({document.run["job_definition"], *found.definitions}))


def _jobs(document: GraphDocument) -> Iterator[Candidate]:
    for name, nodes in document.pipelines.items():
        try:
            groups = preview(document, {"pipeline": name}).groups if nodes else ()
        except DagError:
            groups = ()  # `check` says why it can't run
        for group in groups:
            yield Candidate(group.nodes[0], group.resources)


def _problem(fault: Fault) -> Problem:
    remedy = fault.remedy
    if fault.absent:
        region = "`region` in serverless.yml or else AWS_REGION"
        mend = f"mend aws_batch.{fault.kind.replace(' ', '_')}"
        remedy = f"Deploy it, {mend}, or say where it is: {region}, and AWS_PROFILE."
    return Problem(f"{fault.kind} '{fault.name}'", fault.what, remedy)


def _offer(asked: Destinations, batch: Any) -> Offer:
    queues = _queues(batch, jobQueues=asked.queues) if asked.shares else []
    arns = sorted({each["computeEnvironment"] for queue in queues for each in queue["computeEnvironmentOrder"]})
    environments = (  # for an empty list Batch would describe all
        _ask(batch, "describe_compute_environments", "DescribeComputeEnvironments", computeEnvironments=arns)
        if arns
        else {"computeEnvironments": []}
    )["computeEnvironments"]
    active = {name: _active(batch, jobDefinitionName=name) for name in asked.definitions}
    definitions = {name: max(each["revision"] for each in found) for name, found in active.items() if found}
    near: set[str] = set()
    if len(queues) < len(asked.queues):
        near |= {each["jobQueueName"] for each in _queues(batch)}
    if len(definitions) < len(asked.definitions):
        near |= {each["jobDefinitionName"] for each in _active(batch)}
    return Offer(
        queues=queues, environments=environments, definitions=definitions, region=batch.meta.region_name, near=near
    )


def _queues(batch: Any, **which: list[str]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = _ask(batch, "describe_job_queues", "DescribeJobQueues", **which)["jobQueues"]
    return found


def _active(batch: Any, **which: str) -> list[dict[str, Any]]:
    """Return the active revisions of a definition, or of all, from one page of answers."""
    answer = _ask(batch, "describe_job_definitions", "DescribeJobDefinitions", status="ACTIVE", **which)
    return list(answer["jobDefinitions"])


def _ask(batch: Any, method: str, action: str, **request: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = getattr(batch, method)(**request)
    except (ClientError, BotoCoreError) as error:
        call = Call("ask AWS Batch for queues and definitions", f"batch:{action}")
        raise ServiceError(why_refused(error, call), "Refused") from error
    return answer
