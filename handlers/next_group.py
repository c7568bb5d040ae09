"""next_group: tells a job what it is to run."""

from typing import Any

from handlers.requests import Reply, answering
from handlers.service import Context, dispatcher, logger
from runs.asking import payload_of


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:
    """Return {payload} of the job that asks; of an array's child with its own part alone."""

    def act(request: dict[str, Any]) -> Reply:
        asked = (request["run_id"], request["job"], request["token"])
        return {"payload": payload_of(dispatcher(context), *asked, request.get("index"))}

    return answering("next_group", event, act)
