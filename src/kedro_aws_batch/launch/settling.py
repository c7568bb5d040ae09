"""Ends local runs whose commands were killed before they ended, so that they can be resumed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag import variables
from kedro_aws_batch._service.dag.records import OUR_REASON
from kedro_aws_batch._service.dag.status import IN_FLIGHT
from kedro_aws_batch.client import Service
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.kept.commands import in_progress_now
from kedro_aws_batch.kept.runs import CUT_OFF, cut_off, raw_runs, save_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.local import EmbeddedAws

#: After this many passes of reconcile a run is left to the next command: two are enough.
MOST_PASSES = 10


def settle(project: Path, aws: EmbeddedAws) -> list[str]:
    """End the runs that were cut off, and return their ids. Call it before anything starts on this embedded AWS.

    Their jobs ended with the AWS that ran them, and nobody has told the service.
    """
    service = Service(aws.service_prefix, aws.client("lambda"))
    living = in_progress_now(project)
    settled = []
    for kept in [kept for kept in raw_runs(project) if kept.is_cut_off(living)]:
        try:
            state = _ended_then(cut_off(kept.state), _settle(kept.state, aws, service))
        except ServiceError as error:
            if error.type != "UnknownRun":
                raise
            state = cut_off(kept.state)  # not in the table: its first moments were lost
        save_run(project, state)
        settled.append(state.run_id)
    return settled


def _ended_then(cut: RunState, settled: RunState) -> RunState:
    """Return a settled run as one that ended when its command did, not when the next one began."""
    return replace(settled, ended_at=cut.ended_at) if settled.reason == CUT_OFF else settled


def _settle(run: RunState, aws: EmbeddedAws, service: Service) -> RunState:
    service.cancel_run(run.run_id, CUT_OFF)
    known = {group.index: group for group in run.groups}
    left = [group for group in service.describe_run(run.run_id).groups if group.status in IN_FLIGHT]
    ends = [_end(known[group.index], group, run.now) for group in left if group.job_id]
    if ends:
        records = [{"messageId": str(number), "body": json.dumps({"detail": end})} for number, end in enumerate(ends)]
        _invoke(aws, "job_state_change", {"Records": records})
    state = service.describe_run(run.run_id)
    with _nobody_else_alive(aws):
        for _ in range(MOST_PASSES):
            if state.settled:
                break
            _invoke(aws, "reconcile", {})
            state = service.describe_run(run.run_id)
    return state


def _end(known: GroupState, group: GroupState, at: int | None) -> dict[str, Any]:
    """Return the event that Batch would have sent for a job's end, with what is known of its start."""
    index = (group.job_id or "").partition(":")[2]
    log = {"logConfiguration": {"options": {"awslogs-group": known.log_group}}} if known.log_group else {}
    return {
        "jobId": group.job_id,
        "jobName": group.job_name,
        "status": "FAILED",
        "statusReason": f"{OUR_REASON}{CUT_OFF}",
        "createdAt": group.submitted_at,
        "startedAt": (known.container or {}).get("started_at") or known.started_at,
        "stoppedAt": at,
        "container": {"logStreamName": known.log_stream, **log},
        **({"arrayProperties": {"index": int(index)}} if index else {}),
    }


@contextmanager
def _nobody_else_alive(aws: EmbeddedAws) -> Iterator[None]:
    """Tell reconcile that no invocation with a claim can be alive, so that it needn't wait for one."""
    client, name = aws.client("lambda"), aws.function_name("reconcile")
    given = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    alone = {**given, variables.LONGEST_INVOCATION: "0"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": alone})
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": given})


def _invoke(aws: EmbeddedAws, function: str, request: dict[str, Any]) -> None:
    answer = aws.client("lambda").invoke(FunctionName=aws.function_name(function), Payload=json.dumps(request).encode())
    if answer.get("FunctionError"):
        raise ServiceError(f"{function} failed: {answer['Payload'].read().decode(errors='replace')}", "Failed")
