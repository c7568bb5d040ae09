"""Creates runs: a run is refused before anything is written, or created once for each idempotency key."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeVar

from adapters.ports import LARGEST_PIECE, PlanPiece, UnavailableError
from dag import limits
from dag.document import GraphDocument
from dag.durations import load_durations, with_durations
from dag.errors import InvalidRequestError, NotSettledError, UnknownRunError
from dag.jobs import run_id_at
from dag.meaning import resumed_request
from dag.offer import Offer, asked_of, pinned, refuse_unready, with_timeouts
from dag.plan import Home, Plan, dump_plan
from dag.records import Run
from dag.request import Allowed, Earlier, make_plan
from dag.resume import Resumption, done_before
from dag.reuse import History
from dag.rivals import written_since
from dag.submission import refuse_oversized
from runs.advance import Dispatcher
from runs.announcing import announce
from runs.history import last_ends, read_history
from runs.reading import read_all
from runs.storage import Listable, asking

_T = TypeVar("_T")
#: The largest request, in bytes. The run's status item keeps it, and an item of DynamoDB takes 400 KB in all.
LARGEST_REQUEST = 300_000
#: Bytes of the status item for all but the request and the places of `max_workers`, and those that a place takes.
_FOR_THE_REST, _PLACE_BYTES = 50_000, 5
#: Bytes of that for the names of what a resumed run reuses, and as many for what it does again and why.
_RESUMED_BYTES = 15_000
#: The same for a run that makes all again for one reason, which some nodes show as well as all.
_ALIKE_BYTES = 1_500
#: Of the runs whose work is reused, so many are named, the newest first.
_RUNS_NAMED = 20
#: What is spared by it is told of no more sizes than this, for the same item.
_SIZES_TOLD = 20
#: Fields that say how things were when it was sent, and not what to run.
_OF_ONE_START = ("idempotency_key", "graph_digest", "stored", "dry_run")


@dataclass(frozen=True)
class RunSource:
    """The sources of runs: the deployed graph, and what the deployment allows."""

    document: GraphDocument
    allowed: Allowed
    home: Home  #: without the key, which each run has for itself
    listable: Listable | None = None  #: the storage that start_run may ask, if the deployment names any


def begin_run(dispatcher: Dispatcher, source: RunSource, request: Mapping[str, Any], key: str) -> Run:
    """Create the run of a request, or find the one that its key started before, and advance it.

    Raises a DagError, before anything is written, for a run that is impossible.
    """
    run = _existing(dispatcher, request, key) or _create(dispatcher, source, request, key)
    dispatcher.advance(run.run_id)
    run = dispatcher.ports.table.get_run(run.run_id) or run
    if "start" not in run.announced and not run.over:
        _announce(dispatcher, run)
    return run


def _announce(dispatcher: Dispatcher, run: Run) -> None:
    """Announce a run's start. If that fails, the run goes on, and reconcile announces it."""
    try:
        announce(dispatcher.ports, dispatcher.plan(run.run_id), run, dispatcher.view(run.run_id))
    except Exception:
        dispatcher.ports.log.exception("start not announced", run_id=run.run_id)


def rehearse(dispatcher: Dispatcher, source: RunSource, request: Mapping[str, Any]) -> tuple[Plan, Resumption | None]:
    """Return the plan that a request would make now, and what it would reuse; nothing is written or submitted.

    Raises a DagError for a run that is impossible.
    """
    plan, resumed = _maker(dispatcher, source, request)(run_id_at(dispatcher.ports.clock.now()))
    _offer(dispatcher, plan)
    return plan, resumed


def _existing(dispatcher: Dispatcher, request: Mapping[str, Any], key: str) -> Run | None:
    run_id = dispatcher.ports.table.get_key(key)
    run = dispatcher.ports.table.get_run(run_id) if run_id else None
    if run is None or run.idempotency_key != key:
        return None
    if run.request_digest != _fingerprint(request):
        raise InvalidRequestError(
            f"The idempotency key was used for another request, which started run {run.run_id}: use a new key."
        )
    return run


def _refuse_large(request: Mapping[str, Any]) -> None:
    size = len(json.dumps(_own(request)).encode())
    if size > LARGEST_REQUEST:
        raise InvalidRequestError(
            f"The request takes {size:,} bytes, but the run table keeps only {LARGEST_REQUEST:,}. Put large "
            "parameters into conf/, or name fewer nodes: a tag, a namespace or from_nodes says the same in few words."
        )


def _refuse_many_places(plan: Plan, request: Mapping[str, Any]) -> None:
    """Refuse a run whose places would fill its status item, so that it could neither go on nor be cancelled.

    No more are taken than the run has groups.
    """
    places = min(plan.settings.max_workers or 0, len(plan.groups))
    room = limits.ITEM_BYTES.most - _FOR_THE_REST - len(json.dumps(_own(request)).encode())
    if places * _PLACE_BYTES > room:
        raise InvalidRequestError(
            f"max_workers: with this request, the run table can keep {room // _PLACE_BYTES:,} places, but the run may "
            f"take {places:,}. Use a lower number, or leave it out for no limit."
        )


def _own(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in _OF_ONE_START}


def _fingerprint(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(_own(request), sort_keys=True).encode()).hexdigest()[:16]


def _create(dispatcher: Dispatcher, source: RunSource, request: Mapping[str, Any], key: str) -> Run:
    make, table = _maker(dispatcher, source, request), dispatcher.ports.table
    accepted = _Accepted(
        request=_own(make.request),
        request_digest=_fingerprint(request),
        graph_digest=source.document.digest,
        key=key,
        created_at=dispatcher.ports.clock.now(),
        expires_at=dispatcher.ports.expiry(),
    )
    run_id = run_id_at(accepted.created_at)
    plan, resumed = make(run_id)
    offer = _offer(dispatcher, plan)
    if not table.put_key(key, run_id, accepted.expires_at):
        run_id = table.get_key(key) or run_id
    later = 0
    while True:
        if plan.run_id != run_id:
            plan, resumed = make(run_id)
        plan = with_timeouts(plan, offer)
        if offer is not None:
            plan = pinned(plan, offer)
        run = accepted.run(plan, resumed)
        _write_parts(dispatcher, plan, run)
        if table.put_run(run):
            dispatcher.ports.log.info(
                "run created", run_id=run_id, groups=run.groups_total, nodes=run.nodes_total, pipelines=run.pipelines
            )
            return run
        existing = table.get_run(run_id)
        if existing is not None and existing.idempotency_key == key:
            return existing
        later += 1  # another run was made in the same millisecond
        next_id = run_id_at(accepted.created_at, later)
        run_id = next_id if table.move_key(key, next_id, instead=run_id) else table.get_key(key) or next_id


def _maker(dispatcher: Dispatcher, source: RunSource, request: Mapping[str, Any]) -> _RunMaker:
    """Return what makes plans of a request."""
    _refuse_large(request)
    history = read_history(dispatcher, source.document)
    earlier = _earlier(dispatcher, source.document, request, history)
    learned = dispatcher.ports.table.get_durations(source.document.project, source.document.environment)
    meant = resumed_request(request, earlier.request) if earlier else request
    before = earlier or history
    return _RunMaker(
        source=source,
        home=replace(source.home, key=secrets.token_hex(16)),
        request=meant,
        before=replace(before, ask=asking(source.document, meant, source.listable, dispatcher.ports.clock)),
        durations=load_durations(learned),
    )


def _offer(dispatcher: Dispatcher, plan: Plan) -> Offer | None:
    """Return what Batch has of the run's queues and definitions; None if it doesn't say, so that its refusals will.

    None, too, for a run that submits nothing.

    Raises NotReadyError if Batch would take none of the run's jobs.
    """
    if not plan.groups:
        return None
    try:
        asked = asked_of(plan)
        offer = dispatcher.ports.queue.offer(asked.queues, asked.definitions)
    except UnavailableError as error:
        dispatcher.ports.log.warning("job queues not looked at", error=str(error))
        return None
    refuse_unready(plan, offer)
    return offer


@dataclass(frozen=True, kw_only=True)
class _Accepted:
    """A request that is to be a run, whatever id and plan the run gets."""

    request: Mapping[str, Any]
    request_digest: str
    graph_digest: str
    key: str
    created_at: int
    expires_at: int

    def run(self, plan: Plan, resumed: Resumption | None) -> Run:
        """Return the run of this request by a plan."""
        return Run(
            run_id=plan.run_id,
            project=plan.project,
            environment=plan.environment,
            pipelines=plan.pipelines,
            request=self.request,
            request_digest=self.request_digest,
            graph_digest=self.graph_digest,
            plan_digest=_digest(plan),
            idempotency_key=self.key,
            on_failure=plan.settings.on_failure.value,
            groups_total=len(plan.groups),
            nodes_total=plan.node_count,
            created_at=self.created_at,
            expires_at=self.expires_at,
            max_workers=plan.settings.max_workers,
            description=self.request.get("description"),
            resumed=told_of(resumed, _room(resumed)) if resumed else None,
        )


@dataclass(frozen=True, kw_only=True)
class _RunMaker:
    source: RunSource
    home: Home
    request: Mapping[str, Any]
    before: Earlier | History
    durations: Mapping[str, float]

    def __call__(self, run_id: str) -> tuple[Plan, Resumption | None]:
        plan, resumed = make_plan(self.source.document, self.request, run_id, self.source.allowed, self.before)
        plan = with_durations(replace(plan, home=self.home), self.durations)
        refuse_oversized(plan)
        _refuse_many_places(plan, self.request)
        return plan, resumed


def _earlier(
    dispatcher: Dispatcher, document: GraphDocument, request: Mapping[str, Any], history: History
) -> Earlier | None:
    if "resume_from" not in request:
        return None
    run = dispatcher.ports.table.get_run(request["resume_from"])
    if run is None:
        raise UnknownRunError(f"There is no run '{request['resume_from']}' to resume (or the table has forgotten it).")
    if not run.over:
        raise InvalidRequestError(f"Run {run.run_id} is still RUNNING: wait for its end, or cancel it, then resume it.")
    view = read_all(dispatcher.ports.table, run.run_id)
    if not view.accounted():
        left = len(view.in_flight()) + len(view.open_claims())
        raise NotSettledError(
            f"Run {run.run_id} is {run.status.value}, but {left} of its jobs may still be ending, and two jobs would "
            "write the same data. Try again in a minute."
        )
    done, ends = done_before(dispatcher.plan(run.run_id), view), last_ends(dispatcher, run.run_id)
    # This reads other plans, one by one: a large one fills the memory.
    since = written_since(document, run.run_id, done, history.rivals)
    return Earlier(plan=dispatcher.plan(run.run_id), view=view, request=run.request, since=since, ends=ends)


def _write_parts(dispatcher: Dispatcher, plan: Plan, run: Run) -> None:
    """Write all parts of a run except its status item, which completes it."""
    table = dispatcher.ports.table
    table.put_active(run.run_id)
    table.put_listing(run.run_id, run.expires_at)
    packed = dump_plan(plan)
    for number, begin in enumerate(range(0, len(packed), LARGEST_PIECE)):
        body = packed[begin : begin + LARGEST_PIECE]
        table.put_plan(run.run_id, PlanPiece(run.plan_digest, number, body), run.expires_at)


def _digest(plan: Plan) -> str:
    return hashlib.sha256(dump_plan(plan)).hexdigest()[:16]


def _room(resumed: Resumption) -> int:
    """Return the bytes for what a run makes again: for each change of its item, the table bills all of that."""
    alike = not resumed.reused and len(set(resumed.again.values())) == 1
    return _ALIKE_BYTES if alike else _RESUMED_BYTES


def told_of(resumed: Resumption, most: int) -> Mapping[str, Any]:
    """Return what a resumed run reuses and what it does again, each cut to so many bytes, and how many there are."""
    runs = Counter(one.run_id for one in resumed.reused.values())
    return {
        "from": resumed.source,
        "runs": dict(sorted(runs.items(), reverse=True)[:_RUNS_NAMED]),
        "seconds": round(resumed.seconds, 1),
        "sizes": [vars(one) for one in resumed.sizes] if len(resumed.sizes) <= _SIZES_TOLD else [],
        "reused": _cut(sorted(resumed.reused), most),
        "reused_total": len(resumed.reused),
        "again": dict(_cut(resumed.again.items(), most)),
        "again_total": len(resumed.again),
    }


def _cut(some: Iterable[_T], most: int) -> list[_T]:
    """Return the first of some values that together take at most so many bytes."""
    values = list(some)
    sizes = accumulate(len(json.dumps(one)) + 2 for one in values)
    return [one for one, size in zip(values, sizes, strict=True) if size <= most]
