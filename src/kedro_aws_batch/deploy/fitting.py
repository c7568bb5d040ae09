"""Whether a project's jobs would run on the queue that its stack will make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.offer import shares_refused
from kedro_aws_batch._service.dag.problems import Problem

from .check_aws import asked_in
from .parameters import OWN, PARAMETERS, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kedro_aws_batch._service.dag.document import GraphDocument


def misfits(document: GraphDocument, params: Mapping[str, Any], batch: str) -> list[Problem]:
    """Return where a project doesn't fit the params of its stage, which are valid by themselves."""
    return (
        [] if batch == OWN else [*_launch_type(document, batch), *_vcpus(document, params), *_shares(document, params)]
    )


def _launch_type(document: GraphDocument, batch: str) -> Iterator[Problem]:
    """Check the launch type. Compiling checks Fargate's sizes, so the configuration decides where jobs run."""
    compiled_for = str(document.run["launch_type"])
    if batch != compiled_for.lower():
        says = f"is {batch}, and aws_batch.launch_type is {compiled_for}, for which the jobs' sizes were checked."
        to_do = f"Set launch_type to {batch.upper()} in the aws_batch parameters; `batch` then follows, so remove it."
        yield Problem("param 'batch'", says, to_do)


def _vcpus(document: GraphDocument, params: Mapping[str, Any]) -> Iterator[Problem]:
    most = _said(params, "max_vcpus")
    if not most.isdecimal():
        return  # osls will fill it in
    queue = document.run["job_queue"]
    for node in document.nodes:
        if (node.resources.get("job_queue") or queue) != queue:
            continue  # of another queue than the stack's, nothing is known here
        if (wanted := node.resources.get("vcpus") or 0) > int(most):
            says = f"is {most}, but node '{node.name}' needs {wanted:g} vCPUs: its job would wait for ever."
            yield Problem("param 'max_vcpus'", says, "Raise it, or lower the node's `vcpus`.")
            return


def _shares(document: GraphDocument, params: Mapping[str, Any]) -> Iterator[Problem]:
    queue, said = document.run["job_queue"], _said(params, "fair_share")
    fault = shares_refused(queue, said == "true", asked_in(document).shares[queue])
    if fault and "${" not in said:
        yield Problem(f"param 'fair_share' is {said}: {fault.kind} '{fault.name}'", fault.what, fault.remedy)


def _said(params: Mapping[str, Any], name: str) -> str:
    given = params.get(name)
    return str(PARAMETERS[name].default) if given is None else text_of(given)
