"""reconcile: does for every open run what an event or an invocation that was lost would have done."""

from typing import Any

from handlers.requests import Answer
from handlers.service import Context, dispatcher, lifetime, logger, metrics
from runs.recovery import reconcile


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: Any, context: Context) -> Answer:  # noqa: ARG001 - Lambda's signature
    """Return {runs, repaired}: how many open runs were looked at, and how many things were put right."""
    answer = reconcile(dispatcher(context), lifetime())
    metrics.add_metric(name="OpenRuns", unit="Count", value=answer["runs"])
    metrics.add_metric(name="Repairs", unit="Count", value=answer["repaired"])
    return answer
