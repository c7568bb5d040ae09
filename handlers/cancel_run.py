"""cancel_run: cancels a run and terminates its jobs."""

from typing import Any

from dag.errors import UnknownRunError
from dag.status import RunStatus
from handlers.requests import Reply, answering
from handlers.service import Context, dispatcher, logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:
    """Return {run_id, status}; a run that has ended keeps its status."""

    def act(request: dict[str, Any]) -> Reply:
        runs = dispatcher(context)
        run_id, table = request["run_id"], runs.ports.table
        if table.get_run(run_id) is None:
            raise UnknownRunError(f"There is no run '{run_id}' (or the table has forgotten it).")
        table.end_run(run_id, RunStatus.CANCELLED, request.get("reason", "cancelled by a user"), runs.ports.clock.now())
        run = runs.advance(run_id).run
        return {"run_id": run_id, "status": run.status.value if run else RunStatus.CANCELLED.value}

    return answering("cancel_run", event, act)
