"""The run table in memory: each method's promises, without DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from adapters.encoding import beyond_defaults
from adapters.ports import Asking, Page, PlanPiece
from dag import limits
from dag.holding import Held
from dag.records import Array, Job, Outcome, Run, Worker
from dag.shards import SETS, Mark, Shard
from dag.status import RunStatus


class MemoryRunTable:
    """A run table that all invocations share; `call` gets the name of each call before it takes effect."""

    def __init__(self, call: Callable[[str], None] = lambda _: None, page_size: int = 1000) -> None:
        self._call = call
        self._page_size = page_size
        self._keys: dict[str, str] = {}
        self._active: set[str] = set()
        self._suspects: dict[str, dict[int, dict[int, int]]] = {}
        self._void: set[str] = set()
        self._expires: dict[str, int] = {}
        self._listings: set[str] = set()
        self._plans: dict[tuple[str, str], dict[int, bytes]] = {}
        self._durations: dict[tuple[str, str], bytes] = {}
        self._runs: dict[str, Run] = {}
        self._shards: dict[str, dict[int, Shard]] = {}
        self._jobs: dict[str, dict[Mark, Job]] = {}
        self._arrays: dict[str, dict[Mark, Array]] = {}
        self._outcomes: dict[str, dict[Mark, Outcome]] = {}
        self._workers: dict[str, dict[str, Worker]] = {}
        self._held: dict[str, Held] = {}

    def put_key(self, key: str, run_id: str, expires_at: int) -> bool:
        self._call("put_key")
        if key in self._keys:
            return False
        self._keys[key] = run_id
        return True

    def get_key(self, key: str) -> str | None:
        self._call("get_key")
        return self._keys.get(key)

    def move_key(self, key: str, run_id: str, instead: str) -> bool:
        self._call("move_key")
        if self._keys.get(key) != instead:
            return False
        self._keys[key] = run_id
        return True

    def put_active(self, run_id: str) -> None:
        self._call("put_active")
        self._active.add(run_id)

    def delete_active(self, run_id: str) -> None:
        self._call("delete_active")
        self._active.discard(run_id)

    def active(self, after: str | None) -> Page:
        self._call("active")
        return self._page(sorted(run_id for run_id in self._active if after is None or run_id > after), 100)

    def get_suspects(self, run_id: str, shards: Collection[int]) -> Mapping[int, Mapping[int, int]]:
        self._call("get_suspects")
        assert len(shards) <= limits.BATCH_GET.most, "BatchGetItem takes at most 100 keys"
        known = self._suspects.get(run_id, {})
        return {shard: dict(known[shard]) for shard in shards if shard in known}

    def put_suspects(self, run_id: str, suspects: Mapping[int, Mapping[int, int]], expires_at: int) -> None:
        self._call("put_suspects")
        assert len(suspects) <= limits.BATCH_WRITE.most, "BatchWriteItem takes at most 25 items"
        self._suspects.setdefault(run_id, {}).update({shard: dict(seen) for shard, seen in suspects.items()})

    def put_listing(self, run_id: str, expires_at: int) -> None:
        self._call("put_listing")
        self._listings.add(run_id)

    def listings(self, before: str | None, limit: int) -> Page:
        self._call("listings")
        newest_first = sorted(self._listings, reverse=True)
        return self._page([run_id for run_id in newest_first if before is None or run_id < before], limit)

    def put_plan(self, run_id: str, piece: PlanPiece, expires_at: int) -> None:
        self._call("put_plan")
        self._plans.setdefault((run_id, piece.digest), {})[piece.number] = piece.body

    def get_plan(self, run_id: str, digest: str) -> list[bytes]:
        self._call("get_plan")
        return [body for _, body in sorted(self._plans.get((run_id, digest), {}).items())]

    def get_durations(self, project: str, environment: str) -> bytes | None:
        self._call("get_durations")
        return self._durations.get((project, environment))

    def put_durations(self, project: str, environment: str, packed: bytes) -> None:
        self._call("put_durations")
        self._durations[project, environment] = packed

    def put_run(self, run: Run) -> bool:
        self._call("put_run")
        if run.run_id in self._runs or run.run_id in self._void:
            return False
        self._runs[run.run_id] = run
        return True

    def void_run(self, run_id: str, expires_at: int) -> bool:
        self._call("void_run")
        if run_id in self._runs:
            return False
        self._void.add(run_id)
        return True

    def get_run(self, run_id: str) -> Run | None:
        self._call("get_run")
        return self._runs.get(run_id)

    def get_runs(self, run_ids: Sequence[str]) -> list[Run]:
        self._call("get_runs")
        assert len(run_ids) <= limits.BATCH_GET.most, "BatchGetItem takes at most 100 keys"
        return [self._runs[run_id] for run_id in run_ids if run_id in self._runs]

    def end_run(self, run_id: str, status: RunStatus, reason: str | None, at: int) -> bool:
        self._call("end_run")
        run = self._runs.get(run_id)
        if run is None or run.over:
            return False
        self._runs[run_id] = replace(run, status=status, reason=reason, ended_at=at)
        return True

    def expire_run(self, run_id: str, expires_at: int) -> None:
        self._call("expire_run")
        if run_id in self._runs:
            self._expires[run_id] = expires_at
            self._runs[run_id] = replace(self._runs[run_id], expires_at=expires_at)

    def flag_failure(self, run_id: str, reason: str) -> None:
        self._call("flag_failure")
        run = self._runs.get(run_id)
        if run is not None and not run.over and run.failure is None:
            self._runs[run_id] = replace(run, failure=reason)

    def flag_announced(self, run_id: str, what: str) -> None:
        self._call("flag_announced")
        run = self._runs.get(run_id)
        if run is not None:
            self._runs[run_id] = replace(run, announced=run.announced | {what})

    def take_slots(self, run_id: str, slots: Collection[int], most: int) -> bool:
        self._call("take_slots")
        assert slots, "a number set is never empty"
        run = self._runs.get(run_id)
        if run is None or run.over or len(run.slots) > most - len(slots):
            return False
        self._runs[run_id] = replace(run, slots=run.slots | set(slots))
        return True

    def free_slots(self, run_id: str, slots: Collection[int]) -> Run | None:
        self._call("free_slots")
        assert slots, "a number set is never empty"
        run = self._runs.get(run_id)
        if run is not None:
            self._runs[run_id] = run = replace(run, slots=run.slots - set(slots))
        return run

    def add_marks(self, run_id: str, shard: int, marks: Mapping[str, Collection[int]]) -> Shard:
        self._call("add_marks")
        before = self._shard(run_id, shard)
        self._add(run_id, shard, marks)
        return before

    def claim(self, run_id: str, shard: int, numbers: Collection[int], expires_at: int | None = None) -> Shard:
        self._call("claim")
        assert numbers, "a number set is never empty"
        before = self._shard(run_id, shard)
        self._add(run_id, shard, {"claimed": numbers})
        return before

    def shards(self, run_id: str, after: int | None) -> tuple[list[Shard], int | None]:
        self._call("shards")
        known = self._shards.get(run_id, {})
        left = [known[index] for index in sorted(known) if after is None or index > after]
        page = left[: self._page_size]
        return page, (page[-1].index if len(left) > len(page) else None)

    def get_shards(self, run_id: str, indices: Collection[int]) -> list[Shard]:
        self._call("get_shards")
        assert len(indices) <= limits.BATCH_GET.most, "BatchGetItem takes at most 100 keys"
        known = self._shards.get(run_id, {})
        return [known[index] for index in indices if index in known]

    def put_jobs(self, run_id: str, jobs: Sequence[Job], expires_at: int) -> None:
        self._call("put_jobs")
        assert len(jobs) <= limits.BATCH_WRITE.most, "BatchWriteItem takes at most 25 items"
        self._jobs.setdefault(run_id, {}).update({job.mark: job for job in jobs})

    def get_jobs(self, run_id: str, marks: Collection[Mark]) -> list[Job]:
        self._call("get_jobs")
        assert len(marks) <= limits.BATCH_GET.most, "BatchGetItem takes at most 100 keys"
        known = self._jobs.get(run_id, {})
        return [known[mark] for mark in marks if mark in known]

    def jobs(self, run_id: str, first: int, last: int, after: Mark | None) -> tuple[list[Job], Mark | None]:
        self._call("jobs")
        known = self._jobs.get(run_id, {})
        marks, more = self._range(known, first, last, after)
        return [known[mark] for mark in marks], more

    def put_array(self, run_id: str, array: Array, expires_at: int) -> None:
        self._call("put_array")
        self._arrays.setdefault(run_id, {})[array.first] = array

    def get_array(self, run_id: str, first: Mark) -> Array | None:
        self._call("get_array")
        return self._arrays.get(run_id, {}).get(first)

    def arrays(self, run_id: str, after: Mark | None) -> tuple[list[Array], Mark | None]:
        self._call("arrays")
        known = self._arrays.get(run_id, {})
        firsts, more = self._range(known, 0, 1_000_000, after)
        return [known[first] for first in firsts], more

    def put_question(self, run_id: str, asking: Asking, expires_at: int) -> Worker | None:
        self._call("put_question")
        known = self._workers.setdefault(run_id, {})
        worker = known.get(asking.job_id)
        if worker is None:
            if asking.done:
                return None
            worker = Worker(asking.job_id, asking.first, epoch=asking.epoch, answer=asking.first)
        if worker.first != asking.first or worker.epoch > asking.epoch or worker.closed:
            return None
        worker = replace(worker, epoch=asking.epoch)
        if asking.done is not None:
            if worker.done > asking.done or not asking.done <= worker.answered <= asking.done + 1:
                return None
            worker = replace(worker, done=asking.done)
        known[asking.job_id] = worker
        return worker

    def put_answer(self, run_id: str, asking: Asking, told: Mark | None, at: int) -> bool:
        self._call("put_answer")
        worker = self._workers.get(run_id, {}).get(asking.job_id)
        if worker is None or worker.answered != asking.done or worker.epoch != asking.epoch or worker.closed:
            return False
        self._workers[run_id][asking.job_id] = replace(
            worker, answered=worker.answered + 1, before=worker.answer, answer=told, answered_at=at
        )
        return True

    def put_wait(self, run_id: str, asking: Asking, until: int) -> bool:
        self._call("put_wait")
        worker = self._workers.get(run_id, {}).get(asking.job_id)
        if worker is None or worker.answered != asking.done or worker.epoch != asking.epoch or worker.closed:
            return False
        self._workers[run_id][asking.job_id] = replace(worker, waits_until=until)
        return True

    def close_worker(self, run_id: str, first: Mark, end: Outcome, expires_at: int) -> Worker:
        self._call("close_worker")
        known = self._workers.setdefault(run_id, {})
        job_id = str(end.job_id)
        worker = known.get(job_id) or Worker(job_id, first, answer=first)
        known[job_id] = worker = replace(worker, closed=True, container=beyond_defaults(end, but="mark"))
        return worker

    def get_workers(self, run_id: str, job_ids: Collection[str]) -> list[Worker]:
        self._call("get_workers")
        assert len(job_ids) <= limits.BATCH_GET.most, "BatchGetItem takes at most 100 keys"
        known = self._workers.get(run_id, {})
        return [known[job_id] for job_id in job_ids if job_id in known]

    def workers(self, run_id: str, after: str | None) -> tuple[list[Worker], str | None]:
        self._call("workers")
        known = self._workers.get(run_id, {})
        left = sorted(job_id for job_id in known if after is None or job_id > after)
        page = left[: self._page_size]
        return [known[job_id] for job_id in page], (page[-1] if len(left) > len(page) else None)

    def get_held(self, run_id: str) -> Held:
        self._call("get_held")
        return self._held.get(run_id, Held())

    def put_held(self, run_id: str, held: Held, expires_at: int) -> bool:
        self._call("put_held")
        if self._held.get(run_id, Held()).version != held.version - 1:
            return False
        self._held[run_id] = held
        return True

    def put_outcomes(self, run_id: str, outcomes: Sequence[Outcome], expires_at: int) -> None:
        self._call("put_outcomes")
        assert len(outcomes) <= limits.BATCH_WRITE.most, "BatchWriteItem takes at most 25 items"
        self._outcomes.setdefault(run_id, {}).update({outcome.mark: outcome for outcome in outcomes})

    def outcomes(self, run_id: str, first: int, last: int, after: Mark | None) -> tuple[list[Outcome], Mark | None]:
        self._call("outcomes")
        known = self._outcomes.get(run_id, {})
        marks, more = self._range(known, first, last, after)
        return [known[mark] for mark in marks], more

    def _range(
        self, known: Mapping[Mark, object], first: int, last: int, after: Mark | None
    ) -> tuple[list[Mark], Mark | None]:
        left = sorted(mark for mark in known if first <= mark.group <= last and (after is None or mark > after))
        page = left[: self._page_size]
        return page, (page[-1] if len(left) > len(page) else None)

    def _page(self, run_ids: list[str], limit: int) -> Page:
        page = run_ids[:limit]
        return Page(page, page[-1] if len(run_ids) > len(page) else None)

    def _shard(self, run_id: str, index: int) -> Shard:
        return self._shards.setdefault(run_id, {}).get(index) or Shard(index)

    def _add(self, run_id: str, index: int, marks: Mapping[str, Collection[int]]) -> Shard:
        unknown = set(marks) - set(SETS)
        assert not unknown, unknown
        shard = self._shard(run_id, index).with_marks(**marks)
        self._shards[run_id][index] = shard
        return shard
