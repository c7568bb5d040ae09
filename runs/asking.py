"""What jobs ask the service: which payload is theirs, where it did not fit into their request."""

from __future__ import annotations

import hmac
from typing import Any

from dag.errors import InvalidRequestError, NotAllowedError
from dag.jobs import read_job_key
from dag.payload import payload, token
from dag.plan import Plan
from dag.shards import Mark
from runs.advance import Dispatcher


def payload_of(dispatcher: Dispatcher, run_id: str, job: str, given_token: str, index: int | None) -> dict[str, Any]:
    """Return what a job is to run, or the child of an array at an index.

    Raises NotAllowedError unless the token is this job's, so that a job learns of no other. Changes nothing, so a job
    may ask again.
    """
    plan = dispatcher.plan(run_id)
    if not hmac.compare_digest(token(plan, job).encode(), given_token.encode()):
        raise NotAllowedError(f"The token is not that of job '{job}' of run {run_id}.")
    return payload(plan, [_attempt(dispatcher, plan, job, index)])


def _attempt(dispatcher: Dispatcher, plan: Plan, job: str, index: int | None) -> Mark:
    first, is_array = read_job_key(job)
    array = dispatcher.array(plan.run_id, first) if is_array else None
    members = (() if array is None else array.members) if is_array else (first,)
    place = index if is_array else 0
    if place is None or not 0 <= place < len(members):
        raise InvalidRequestError(f"Job '{job}' of run {plan.run_id} has {len(members)} parts, none at index {index}.")
    return members[place]
