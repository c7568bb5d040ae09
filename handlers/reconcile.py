"""reconcile: does for every open run what an event or an invocation that was lost would have done."""

from typing import Any

from handlers.advance import RESERVE, Dispatcher
from handlers.recovery import Recovery, in_turn
from handlers.requests import Answer
from handlers.service import Context, dispatcher, lifetime, logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: Any, context: Context) -> Answer:  # noqa: ARG001 - Lambda's signature
    """Return {runs, repaired}: how many open runs were looked at, and how many things were put right."""
    answer = reconcile(dispatcher(context), lifetime())
    metrics.add_metric(name="OpenRuns", unit="Count", value=answer["runs"])
    metrics.add_metric(name="Repairs", unit="Count", value=answer["repaired"])
    return answer


def reconcile(speaker: Dispatcher, lifetime_ms: int) -> Answer:
    """Recover all open runs, as far as time allows; those left over come first another minute.

    A run that can't be recovered does not keep the others waiting; its error is raised at the end, for the alarm.
    """
    recovery = Recovery(speaker, lifetime_ms)
    failed: Exception | None = None
    looked_at = repaired = 0
    for run_id in in_turn(_open_runs(speaker), speaker.ports.clock.now()):
        if speaker.ports.clock.left() < RESERVE:
            break
        try:
            repairs = recovery.recover(run_id)
        except Exception as error:  # noqa: BLE001 - raised again once the others had their turn
            logger.exception("run not recovered", run_id=run_id)
            failed = error
            continue
        looked_at += 1
        repaired += repairs.events + repairs.claims
        if repairs.events or repairs.claims:
            logger.warning("run repaired", run_id=run_id, lost_events=repairs.events, lost_claims=repairs.claims)
    if failed is not None:
        raise failed
    return {"runs": looked_at, "repaired": repaired}


def _open_runs(speaker: Dispatcher) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = speaker.ports.table.active(after)
        found += page.run_ids
        after = page.next
        if after is None:
            return found
