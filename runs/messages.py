"""Sorts the queue's messages by run, and advances each run once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.ports import Ports
from dag.blocked import Blocked, asked_for, read_blocked
from dag.errors import UnknownRunError
from dag.events import JobEnd, read_end
from dag.jobs import JobName, is_run_id, read_job_name
from runs.advance import Dispatcher
from runs.announcing import News, announce
from runs.identity import identify

QUEUE_BLOCKED = "Batch Job Queue Blocked"
#: Messages of a full batch: `batchSize` in serverless.yml, and what ReceiveMessage returns at the most.
FULL = 10
#: The number of requests for more. A hundred messages merged at once take a tenth of the requests; more gain little.
FETCHES = 9


def take_all(dispatcher: Dispatcher, records: Sequence[Mapping[str, Any]], full: int = FULL) -> Taken:
    """Advance the runs of these messages and, if the batch is full, of others that wait in the queue.

    Lambda gathers more than ten messages only if it may wait for them for at least a second, which a chain of short
    nodes would pay at every link. So a full batch, and no other, fetches more by itself: jobs that end
    together are merged together, for the requests of one invocation. The failed ones of the given messages are to be
    delivered again. Fetched messages are delivered again unless they are deleted.
    """
    ports = dispatcher.ports
    fetched = _fetch(ports) if len(records) >= full else []
    taken = take(dispatcher, [*records, *fetched])
    failed = set(taken.failed)
    if done := [record for record in fetched if record["messageId"] not in failed]:
        try:
            ports.messages.delete(done)
        except Exception:
            ports.log.exception("messages not deleted")
    given = {record["messageId"] for record in records}
    taken.failed = [message_id for message_id in taken.failed if message_id in given]
    return taken


def _fetch(ports: Ports) -> list[Mapping[str, Any]]:
    fetched: list[Mapping[str, Any]] = []
    try:
        for _ in range(FETCHES):
            more = ports.messages.receive()
            if not more:
                break
            fetched += more
    except Exception:
        ports.log.exception("no more messages fetched")
    return fetched


@dataclass
class Taken:
    """The result of a batch of messages."""

    failed: list[str] = field(default_factory=list)  #: ids of the messages that could not be handled
    ended: int = 0
    submitted: int = 0


@dataclass(frozen=True)
class _Stuck:
    """A job that keeps others from starting, and why it doesn't start."""

    name: JobName
    why: Blocked


@dataclass
class _Mail:
    """The news of one run in a batch of messages."""

    ends: list[JobEnd] = field(default_factory=list)
    told_by: dict[str | None, list[str]] = field(default_factory=dict)  #: ids of the messages that reported a job's end
    message_ids: list[str] = field(default_factory=list)
    carry_on: bool = False  #: a message from an invocation that ran out of time
    stuck: list[_Stuck] = field(default_factory=list)


def take(dispatcher: Dispatcher, records: Iterable[Mapping[str, Any]]) -> Taken:
    """Advance each run of these messages once.

    One run's trouble doesn't affect another's. A message that is malformed or concerns no job of ours gets one line in
    the log and is done: delivering it again would not help.
    """
    taken = Taken()
    ports = dispatcher.ports
    for run_id, mail in _sorted(records, ports).items():
        try:
            _deliver(dispatcher, run_id, mail, taken)
        except UnknownRunError:
            ports.log.warning("event of an unknown run", run_id=run_id, message_ids=mail.message_ids)
        except Exception:
            ports.log.exception("run not advanced", run_id=run_id, message_ids=mail.message_ids)
            taken.failed += mail.message_ids
    return taken


def _deliver(dispatcher: Dispatcher, run_id: str, mail: _Mail, taken: Taken) -> None:
    project, ports = dispatcher.plan(run_id).project, dispatcher.ports
    identified = identify(dispatcher, run_id, [end for end in mail.ends if end.name.project == project])
    for end in (*identified.foreign, *(end for end in mail.ends if end.name.project != project)):
        ports.log.warning("event of another job", run_id=run_id, job_name=end.outcome.name, job_id=end.outcome.job_id)
    for end in identified.unsure:  # delivered again: by then the job is recorded or listed
        ports.log.warning("event of a job not recorded yet", run_id=run_id, job_id=end.outcome.job_id)
        taken.failed += mail.told_by[end.outcome.job_id]
    for stuck in mail.stuck:
        if stuck.name.project == project:
            _announce_blocked(dispatcher, run_id, stuck)
    outcomes = identified.ours
    if not outcomes and not mail.carry_on:
        return
    account = dispatcher.reconsider(run_id, outcomes) if mail.carry_on else dispatcher.advance(run_id, outcomes)
    taken.ended += account.merged
    taken.submitted += account.submitted
    ports.log.info(
        "run advanced",
        run_id=run_id,
        ended=account.merged,
        submitted=account.submitted,
        terminated=account.terminated,
        handed_over=account.handed_over,
    )


def _announce_blocked(dispatcher: Dispatcher, run_id: str, stuck: _Stuck) -> None:
    """Announce once for each run and reason why its jobs don't start."""
    ports = dispatcher.ports
    run = ports.table.get_run(run_id)
    flag = f"blocked {stuck.why.code}"
    if run is None or run.over or flag in run.announced:
        return
    plan = dispatcher.plan(run_id)
    group = plan.groups[stuck.name.group]
    told = {"nodes": list(group.nodes), "asks_for": asked_for(group.resources), **vars(stuck.why)}
    ports.log.warning("queue blocked", run_id=run_id, **told)
    announce(ports, plan, run, dispatcher.view(run_id), News(flag, {"blocked": told}))


def _sorted(records: Iterable[Mapping[str, Any]], ports: Ports) -> dict[str, _Mail]:
    mail: dict[str, _Mail] = {}
    for record in records:
        run_id, news = _read(record, ports)
        if run_id is None:
            continue
        entry = mail.setdefault(run_id, _Mail())
        entry.message_ids.append(record["messageId"])
        if news is None:
            entry.carry_on = True
        elif isinstance(news, JobEnd):
            entry.ends.append(news)
            entry.told_by.setdefault(news.outcome.job_id, []).append(record["messageId"])
        else:
            entry.stuck.append(news)
    return mail


def _read(record: Mapping[str, Any], ports: Ports) -> tuple[str | None, JobEnd | _Stuck | None]:
    """Return the run that a message concerns, if it is for us, and its news, if it is an event."""
    try:
        body = json.loads(record["body"])
        json.dumps(body, ensure_ascii=False).encode()  # only JSON can contain half a character
        if "advance" in body:
            run_id = body["advance"]["run_id"]
            if not is_run_id(run_id):
                raise ValueError("the run to advance has no valid id")  # noqa: TRY301 - logged with the others
            return run_id, None
        detail = body["detail"]
        if body.get("detail-type") == QUEUE_BLOCKED:
            name, blocked = read_job_name(str(detail.get("jobName"))), read_blocked(detail)
            return (name.run_id, _Stuck(name, blocked)) if name and blocked else (None, None)
        end = read_end(detail)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # Without the body: events have the environment of jobs, which not everybody who reads logs may see.
        why = f"{type(error).__name__}: {error}"
        ports.log.error("malformed message", message_id=record["messageId"], why=why, size=len(record["body"]))  # noqa: TRY400
        return None, None
    if end is None:
        ports.log.info("event of a foreign job", job_name=detail.get("jobName"), job_status=detail.get("status"))
        return None, None
    return end.name.run_id, end
