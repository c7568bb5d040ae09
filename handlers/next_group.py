"""next_group: gives a job its payload, and a container that carries on its next group."""

from typing import Any

from handlers.requests import Reply, answering
from handlers.service import Context, dispatcher, logger
from runs.asking import Answer, Question, next_group, payload_of


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: Context) -> Reply:
    """Return {payload} for the asking job.

    With `epoch`, return {place, payload} of its next group, {nothing}, {wait} in ms, or {over}.
    """

    def act(request: dict[str, Any]) -> Reply:
        asked = (request["run_id"], request["job"], request["token"])
        if "epoch" not in request:
            return {"payload": payload_of(dispatcher(context), *asked, request.get("index"))}
        question = Question(**{"index": None, **request})
        return _said(next_group(dispatcher(context), question))

    return answering("next_group", event, act)


def _said(answer: Answer) -> Reply:
    if answer.over:
        return {"over": True}
    if answer.wait is not None:
        return {"wait": answer.wait}
    return {"nothing": True} if answer.payload is None else {"place": answer.place, "payload": answer.payload}
