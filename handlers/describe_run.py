"""describe_run: returns the state of a run, group by group."""

from typing import Any

from dag.errors import UnknownRunError
from handlers.requests import Reply, answering
from handlers.service import Context, dispatcher, logger
from runs.description import PAGE, describe


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:
    """Return a run's status, counts and times, and a page of its groups."""

    def act(request: dict[str, Any]) -> Reply:
        runs = dispatcher(context)
        run = runs.ports.table.get_run(request["run_id"])
        if run is None:
            raise UnknownRunError(f"There is no run '{request['run_id']}' (or the table has forgotten it).")
        return describe(runs, run, int(request.get("page", "0")), request.get("limit", PAGE))

    return answering("describe_run", event, act)
