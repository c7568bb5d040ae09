"""job_state_change: as jobs end, submits what has become ready, or ends the run."""

from __future__ import annotations

from typing import Any

from handlers.service import Context, dispatcher, logger
from runs.messages import take_all


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> dict[str, Any]:
    """Return the messages to deliver again; the others are done."""
    taken = take_all(dispatcher(context), event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in taken.failed]}
