"""list_runs: lists the runs, newest first."""

from typing import Any

from handlers.description import listing
from handlers.requests import Answer, answering
from handlers.service import Context, dispatcher, logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Answer:
    """Return {runs: […]}, of one status if the request names one."""

    def act(request: dict[str, Any]) -> Answer:
        return {"runs": listing(dispatcher(context), request.get("status"), request.get("limit", 20))}

    return answering("list_runs", event, act)
