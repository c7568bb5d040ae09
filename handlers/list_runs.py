"""list_runs: lists the runs, newest first."""

from typing import Any

from dag.records import LISTED
from handlers.requests import Reply, answering
from handlers.service import Context, dispatcher, logger
from runs.description import listed_runs


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:
    """Return {runs: […]}, of one status if the request names one."""

    def act(request: dict[str, Any]) -> Reply:
        return {"runs": listed_runs(dispatcher(context), request.get("status"), int(request.get("limit", LISTED)))}

    return answering("list_runs", event, act)
