"""start_run: creates a run of the deployed graph and submits its roots."""

from typing import Any

from dag.errors import DagError
from handlers.requests import Reply, answering, log_refusal, told
from handlers.service import Context, counts, dispatcher, logger, source
from runs.counting import Count
from runs.creation import start


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:
    """Return {run_id, status, groups, nodes} of a new run, or of the one that the request's key already started."""

    def act(request: dict[str, Any]) -> Reply:
        # A retry of the same asynchronous invocation has its request id.
        given = request.get("idempotency_key")
        key = f"given:{given}" if given else f"invocation:{context.aws_request_id}"
        run = start(dispatcher(context), source(), request, key)
        answer: Reply = {
            "run_id": run.run_id,
            "status": run.status.value,
            "groups": run.groups_total,
            "nodes": run.nodes_total,
        }
        return answer | ({"resumed": run.resumed} if run.resumed else {})

    return answering("start_run", event, act, _missed if _scheduled(event) else log_refusal)


def _missed(error: DagError) -> None:
    """Let an operator know of a run that did not start: nobody reads what a schedule is answered."""
    logger.error("scheduled run refused", **told(error))
    counts.add({Count.FAILED_RUNS.value: 1})


def _scheduled(event: Any) -> bool:
    return isinstance(event, dict) and str(event.get("idempotency_key")).startswith("schedule:")
