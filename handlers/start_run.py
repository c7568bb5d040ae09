"""start_run: creates a run of the deployed graph and submits its roots."""

from __future__ import annotations

import os
from typing import Any

from dag.errors import DagError
from dag.expected import expected
from handlers.requests import Reply, answering, for_the_log, log_refusal
from handlers.service import Context, counts, dispatcher, logger, source
from runs.counting import Count
from runs.creation import begin_run, rehearse, told_of

#: Bytes of what a dry run would reuse, and of what it would do again: an answer takes 6 MB (`dag.limits.INVOKE_BYTES`).
_MOST_TOLD = 2_000_000


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:
    """Return {run_id, status, groups, nodes} of a new run, or of the one that the same key started before.

    Of a dry run it returns {dry_run, groups, nodes} and, if any of its groups ever ran, {expected}.
    """

    def act(request: dict[str, Any]) -> Reply:
        if request.get("dry_run"):
            return _rehearsed(context, request)
        run = begin_run(dispatcher(context), source(), request, _key(request.get("idempotency_key"), context))
        answer: Reply = {
            "run_id": run.run_id,
            "status": run.status.value,
            "groups": run.groups_total,
            "nodes": run.nodes_total,
        }
        return answer | ({"resumed": run.resumed} if run.resumed else {})

    given = event.get("idempotency_key") if isinstance(event, dict) else None
    return answering("start_run", event, act, log_refusal if _event_id(given) is None else _missed)


def _rehearsed(context: Context, request: dict[str, Any]) -> Reply:
    plan, resumed = rehearse(dispatcher(context), source(), request)
    answer: Reply = {"dry_run": True, "groups": len(plan.groups), "nodes": plan.node_count}
    told = expected(plan)
    answer |= {"expected": vars(told)} if told else {}
    return answer | ({"resumed": told_of(resumed, _MOST_TOLD)} if resumed else {})


def _key(given: str | None, context: Context) -> str:
    """Return the request's idempotency key. No caller can give the key of a schedule's event or of an invocation."""
    if event_id := _event_id(given):
        return f"schedule:{event_id}"
    # A retry of the same asynchronous invocation has its request id.
    return f"given:{given}" if given else f"invocation:{context.aws_request_id}"


def _missed(error: DagError) -> None:
    """Log for operators that a run did not start: nobody reads the answer to a schedule."""
    logger.error("scheduled run refused", **for_the_log(error))
    counts.add({Count.FAILED_RUNS.value: 1})


def _event_id(given: Any) -> str | None:
    """Return the event's id in a key that a schedule of this deployment made, None for any other key.

    Its mark is in the rule and in this function's configuration, so nobody who may only invoke the function knows it.
    """
    mark = os.environ.get("SCHEDULE_MARK")
    prefix = f"schedule:{mark}:"
    return given.removeprefix(prefix) if mark and isinstance(given, str) and given.startswith(prefix) else None
