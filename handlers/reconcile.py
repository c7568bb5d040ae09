"""reconcile: does for every open run what an event or an invocation that was lost would have done."""

from typing import Any

from handlers.requests import Reply
from handlers.service import Context, dispatcher, lifetime, logger
from runs.recovery import reconcile


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:  # noqa: ARG001 - Lambda's signature
    """Return {runs, repaired}: how many open runs were looked at, and how many things were put right."""
    return reconcile(dispatcher(context), lifetime())
