"""reconcile: makes up, for every open run, for lost events and lost invocations."""

from typing import Any

from handlers.requests import Reply
from handlers.service import Context, dispatcher, lifetime, logger
from runs.recovery import reconcile


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:  # noqa: ARG001 - Lambda's signature
    """Return {runs, repaired}: the number of open runs, and of repairs."""
    return reconcile(dispatcher(context), lifetime())
