"""What a distributed run saves, with Kedro's own run in one process as the oracle.

Each job goes through the code that runs in a container, but in this process, where what it changes is undone after it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, event, example, given, settings
from kedro.framework import project as framework
from kedro.framework.session import KedroSession
from kedro.framework.session import session as sessions
from kedro.io import core
from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch._service.dag.request import Allowed, make_plan
from kedro_aws_batch._service.dag.shards import Mark
from kedro_aws_batch.container.session import session_class
from kedro_aws_batch.graph.compile import compile_project, to_json
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import bootstrap, open_project
from tests.dag.kedro_pipelines import Case, positional

from . import worlds
from .in_process import a_process, run_job
from .project import CONFIGURATION, Sources, write_project
from .worlds import OLDEST, RUNS, World

if TYPE_CHECKING:
    from kedro_aws_batch._service.dag.plan import Plan

REGISTRY = "from tests.plugin.worlds import REGISTERED\n\ndef register_pipelines():\n    return dict(REGISTERED)\n"
SETTINGS = "from tests.plugin.worlds import Remembering as CONFIG_LOADER_CLASS\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = write_project(tmp_path_factory.mktemp("oracle"), Sources(REGISTRY, settings=SETTINGS))
    bootstrap(made)
    logging.disable(logging.CRITICAL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "_register_hooks_entry_points", lambda *_: None)  # a search of all packages
        yield made
    logging.disable(logging.NOTSET)


def prepare(project: Path, world: World) -> None:
    """Make the project this world's."""
    worlds.Remembering.read.clear()
    worlds.REGISTERED.clear()
    worlds.REGISTERED.update(worlds.registered(world))
    settings_ = {**CONFIGURATION, "group_by": list(world.group_by), "shared_paths": ["data"]}
    written = {
        "catalog": worlds.catalog(world),
        "parameters": {**worlds.parameters(world.case), "aws_batch": settings_},
    }
    for name, config in written.items():
        (project / f"conf/aws_batch/{name}.yml").write_text(yaml.safe_dump(config))
    framework.pipelines.configure(f"{framework.PACKAGE_NAME}.pipeline_registry")


def by_kedro(project: Path, world: World, run_id: str) -> dict[str, Any] | Exception:
    """Return what Kedro saves in one process, while nobody else saves anything, or its failure."""
    worlds.lay_out(project / "data", world)
    with a_process():
        core.generate_timestamp = lambda: run_id
        opened = session_class(KedroSession, run_id).create(
            project_path=project, env="aws_batch", runtime_params=worlds.given(run_id)
        )
        try:
            opened.run(**world.for_kedro())
        except Exception as error:
            return error
    return worlds.contents(project / "data", run_id)


def by_us(project: Path, world: World) -> list[dict[str, Any]]:
    """Return what each of the runs saves, job by job, while others save, too."""
    worlds.lay_out(project / "data", world)
    document = read_document(to_json(compile_project(open_project(Opening(path=project))).document))
    allowed = Allowed([CONFIGURATION["job_queue"]], [CONFIGURATION["job_definition"]])
    plans = [make_plan(document, world.for_us(run_id), run_id, allowed)[0] for run_id in world.runs]
    for count, (plan, index) in enumerate(in_some_order(plans, world.choices)):
        for after, base in world.meanwhile:
            if after == count:
                worlds.save_by_others(project / "data", base, world.kinds[base])
        run_job(project, plan, Mark(index))
        nodes = [one for one in document.nodes if one.name in plan.groups[index].nodes]
        if world.kinds.get("raw") == "new" and any("raw" in one.inputs for one in nodes):
            if world.confirming in {name for group in plan.groups for name in group.nodes}:
                worlds.put(project / "data/raw" / worlds.LATE, None, worlds.OLDER)
        elif count in world.twice and not any(one.confirms for one in nodes):
            run_job(project, plan, Mark(index, attempt=1))
    return [worlds.contents(project / "data", run_id) for run_id in world.runs]


def in_some_order(plans: list[Plan], choices: tuple[int, ...]) -> Iterator[tuple[Plan, int]]:
    """Yield the groups of all plans, each after its parents."""
    left = {(one, index) for one, plan in enumerate(plans) for index in range(len(plan.groups))}
    turns = iter(choices)
    while left:
        ready = [
            (one, index)
            for one, index in sorted(left)
            if not left & {(one, up) for up in plans[one].groups[index].parents}
        ]
        one, index = ready[next(turns, 0) % len(ready)]
        yield plans[one], index
        left.remove((one, index))


def chain(*nodes: Node, **more: Any) -> World:
    """Return the world of a pipeline whose datasets are files, except for some."""
    case = Case({"__default__": Pipeline(nodes)}, ["__default__"], {})
    kinds = dict.fromkeys(("d0x", "d1x"), "file") | more.pop("kinds")
    return World(case, kinds, ("memory",), **{"runs": RUNS[:1], **more})


#: What random worlds seldom have.
ASKED_FOR_ONE_FORMAT = chain(
    node(positional, ["table@pandas", "table@spark"], "d0x", name="a"),
    kinds={"table": "versioned"},
    pins={"table@spark": OLDEST},
)
ASKED_FOR_WHAT_IT_WRITES = chain(
    node(positional, "raw", "d0x", name="a"),
    node(positional, "d0x", "d1x", name="b"),
    kinds={"raw": "file", "d0x": "versioned"},
    pins={"d0x": OLDEST},
)
CONFIRMED_LATER = chain(
    node(positional, "raw", "d0x", name="a"),
    node(positional, "d0x", "d1x", name="b"),
    kinds={"raw": "new"},
    confirming="b",
)
MOVING_PARTITIONS = chain(
    node(positional, "raw", "d0x", name="a"),
    node(positional, ["d0x", "raw"], "d1x", name="b"),
    kinds={"raw": "parts versioned"},
    meanwhile=((1, "raw"),),
)


@pytest.mark.filterwarnings("ignore")  # Kedro's, about names
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=min(30, settings().max_examples // 5))
@given(worlds.worlds())
@example(ASKED_FOR_ONE_FORMAT)
@example(ASKED_FOR_WHAT_IT_WRITES)
@example(CONFIRMED_LATER)
@example(MOVING_PARTITIONS)
def test_a_distributed_run_saves_what_kedro_run_saves(project: Path, world: World) -> None:
    prepare(project, world)
    names = {name: {one.name for one in pipeline.nodes} for name, pipeline in world.case.registered.items()}
    assert names == {name: {one.name for one in pipeline.nodes} for name, pipeline in worlds.REGISTERED.items()}
    expected = [by_kedro(project, world, run_id) for run_id in world.runs]
    failures = [one for one in expected if isinstance(one, Exception)]
    event(f"fails: {failures[0]!s:.90}" if failures else f"compared, {len(world.runs)}")
    try:
        found = by_us(project, world)
    except Exception:
        if not failures:
            raise
    else:
        assert found == expected
