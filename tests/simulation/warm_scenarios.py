"""A seed's meaning where containers carry on: a graph, a request and a share of bad luck."""

from __future__ import annotations

import random
import sys
from typing import Any

from adapters.run_table import DynamoRunTable
from dag import limits
from dag.durations import dump_durations, duration_key
from dag.plan import start_key
from dag.request import Allowed, make_plan
from tests.simulation.batch import Faults
from tests.simulation.graphs import DEFINITION, QUEUE, document, shape
from tests.simulation.lateness import STEPS, stated
from tests.simulation.scenarios import _befall, _faults, _outage
from tests.simulation.warm import Luck, WarmWorld

#: ms, as docs/reliability.md says.
_LONGEST_HOLD = 30_000


def build_warm(seed: int) -> WarmWorld:
    """Return a world in which containers carry on, or try to."""
    rng = random.Random(f"warm {seed}")
    parents = shape(rng)
    retry = {"factor": 2, "max": 4000} if rng.random() < 0.3 else None
    nothing = rng.random() < 0.1
    world = WarmWorld(
        seed,
        document(parents, memory_retry=retry, array_jobs=rng.random() < 0.5, warm_containers=True),
        Faults() if nothing else _faults(rng, len(parents)),
        _request(rng),
        page_bytes=rng.choice((1, 2_000, limits.QUERY_BYTES.most)),
        skew=rng.choice((0, 50, 5_000)),
        outages=[] if nothing or rng.random() < 0.8 else [_outage(rng)],
        luck=Luck() if nothing else _luck(rng),
    )
    _befall(world, rng)
    if rng.random() < 0.6:
        _know(world, rng)
    return world


def build_warm_fair(seed: int) -> WarmWorld:
    """Return such a world without reconcile, in which only jobs fail."""
    rng = random.Random(f"warm fair {seed}")
    parents = shape(rng)
    request = _request(rng)
    faults = Faults(job_fails=rng.random() / len(parents), repeat_event=rng.random() / 2)
    made = document(parents, array_jobs=rng.random() < 0.5, warm_containers=True)
    bounds = dict.fromkeys(STEPS, sys.maxsize) | {"submitted": stated()["nothing"]["submitted"] + _LONGEST_HOLD}
    world = WarmWorld(seed, made, faults, request, fair=True, calm=True, bounds=bounds)
    if rng.random() < 0.6:
        _know(world, rng)
    world.start()
    if rng.random() < 0.5:
        world.cancel_at_job = rng.randint(1, len(parents))
    return world


def build_warm_shared(seed: int) -> WarmWorld:
    """Return such a world in whose queue jobs wait in the order of their priorities, some of which were given."""
    rng = random.Random(f"warm shared {seed}")
    parents = shape(rng)
    given = {
        f"n{node}": {"priority": rng.choice((0, 5_000, 9_999))} for node in range(len(parents)) if rng.random() < 0.5
    }
    resources = {"default": {"share_identifier": "mine"}, "nodes": given}
    request = {**_request(rng), "params": {"aws_batch": {"resources": resources}}}
    made = document(parents, array_jobs=rng.random() < 0.5, warm_containers=True)
    bounds = dict.fromkeys(STEPS, sys.maxsize) | {"submitted": stated()["nothing"]["submitted"] + _LONGEST_HOLD}
    world = WarmWorld(seed, made, Faults(), request, fair=True, calm=True, bounds=bounds, shared=True)
    world.batch.trouble = {"schedulingPolicyArn": "arn:fair"}
    if rng.random() < 0.6:
        _know(world, rng)
    world.start()
    return world


def _request(rng: random.Random) -> dict[str, object]:
    request: dict[str, object] = {"on_failure": rng.choice(("abort", "drain", "continue"))}
    if rng.random() < 0.4:
        request["max_workers"] = rng.randint(1, 4)
    return request


def _know(world: WarmWorld, rng: random.Random) -> None:
    """Let earlier runs have taught how long groups and starts take, which need not be so this time."""
    plan, _ = make_plan(world.document, world.request, "2026-11-22T13.11.00.123Z", Allowed([QUEUE], [DEFINITION]))
    known = {duration_key(group.signatures): rng.choice((0.5, 5.0, 20.0)) for group in plan.groups}
    known |= {f"start {start_key(group.resources)}": rng.choice((5.0, 45.0, 200.0)) for group in plan.groups[:1]}
    client: Any = world.dynamodb.unmetered()
    table = DynamoRunTable(client, "runs")
    table.put_durations(plan.project, plan.environment, dump_durations(known, 100_000))


def _luck(rng: random.Random) -> Luck:
    def some(most: float) -> float:
        return rng.random() * most if rng.random() < 0.5 else 0.0

    return Luck(refused=some(0.3), gives_up=some(0.1), reclaimed=some(0.3), impatient=some(0.3))
