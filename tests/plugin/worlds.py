"""Random projects with the data of earlier runs, random requests for them, and what other runs save meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import warnings
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from kedro.config import OmegaConfigLoader
from kedro.io import AbstractDataset
from kedro.io.core import parse_dataset_definition
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from dag.document import base_name, is_parameter
from dag.errors import InvalidRequestError
from dag.selection import select
from tests.dag.kedro_pipelines import Case, cases, compiled, outermost

#: The runs, which begin one after the other, and what there is of earlier runs and of others.
RUNS = ("2026-11-22T13.11.00.123Z", "2026-11-22T13.11.01.000Z")
OLDEST, OLDER = "2026-11-20T00.00.00.000Z", "2026-11-21T00.00.00.000Z"
BETWEEN, NEWER = "2026-11-22T13.10.59.000Z", "2026-11-23T00.00.00.000Z"
#: The partition that appears in an IncrementalDataset after a job has read it.
LATE = "p7"

#: How a dataset is kept. Other runs may save what is versioned.
_VERSIONED = ("versioned", "cached versioned", "wrapped versioned", "pattern versioned", "parts versioned")
_PLAIN = ("file", "cached", "wrapped", "pattern", "parts", "parts overwritten")
#: A transcoded dataset has an entry for each format, and all of these are one place.
_IN_TWO_FORMATS = frozenset({"file", "versioned", "parts", "parts versioned", "wrapped", "wrapped versioned"})

# Made once, since making a strategy takes longer than drawing from it.
_BOOLEANS = st.booleans()
_GROUP_BY = st.sampled_from((("memory",), ("memory", "namespace"), ("tag:gpu", "memory")))
_CHOICES = st.lists(st.integers(0, 3), max_size=8)
_TWICE = st.sets(st.integers(0, 5), max_size=2)

#: What the project's registry returns.
REGISTERED: dict[str, Pipeline] = {}


class Wrapped(AbstractDataset[Any, Any]):
    """A dataset that a project might have, which keeps its data by another one."""

    def __init__(self, dataset: dict[str, Any]) -> None:
        kind, config = parse_dataset_definition(dict(dataset))
        self._inner = kind(**config)

    def load(self) -> Any:
        return self._inner.load()

    def save(self, data: Any) -> None:
        self._inner.save(data)

    def _describe(self) -> dict[str, Any]:
        return {"inner": str(self._inner)}


class Remembering(OmegaConfigLoader):
    """Reads a project's files once: that takes longer than all else that a job does here."""

    read: ClassVar[dict[str, Any]] = {}

    def __getitem__(self, key: str) -> Any:
        known = f"{key} {self.env} {json.dumps(self.runtime_params, sort_keys=True)}"
        if known not in self.read:
            self.read[known] = super().__getitem__(key)
        return deepcopy(self.read[known])


@dataclass(frozen=True)
class World:
    """A project, a request for some of its nodes, and what happens while they run."""

    case: Case
    #: How each dataset is kept, by its name without a format.
    kinds: Mapping[str, str]
    group_by: tuple[str, ...]
    #: The versions to load.
    pins: Mapping[str, str] = field(default_factory=dict)
    #: What others save, each after so many jobs.
    meanwhile: tuple[tuple[int, str], ...] = ()
    #: Which of the jobs that may begin does, time after time.
    choices: tuple[int, ...] = ()
    #: The jobs that run a second time, as Batch does if it lost sight of the first attempt.
    twice: frozenset[int] = frozenset()
    runs: tuple[str, ...] = RUNS
    #: The node that confirms `raw`.
    confirming: str | None = None

    def for_kedro(self) -> dict[str, Any]:
        """Return the request for Kedro's session, which fails on names given twice and on namespaces within others."""
        named = {kind: list(dict.fromkeys(names)) for kind, names in self.case.filters.items()}
        named["node_names"] = named.pop("nodes", [])
        together = sum((self.case.registered[name] for name in self.case.pipelines), Pipeline([]))
        named["namespaces"] = outermost(together, named.get("namespaces", []))
        return {"pipeline_names": list(self.case.pipelines), "load_versions": dict(self.pins), **named}

    def for_us(self, run_id: str) -> dict[str, Any]:
        """Return the request for the service."""
        asked = {"pipelines": list(self.case.pipelines), "load_versions": dict(self.pins), **self.case.filters}
        return {**asked, "params": given(run_id)}


def given(run_id: str) -> dict[str, Any]:
    """Return the runtime parameters of a run, by which its results differ from those of others."""
    return {"x": {"y": run_id}}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a project, a request that Kedro accepts for the most part, and what others do meanwhile."""
    case = _sound(draw(cases()))
    runs = RUNS if draw(_BOOLEANS) else RUNS[:1]
    kinds = _kinds(draw, case, only_versions=len(runs) > 1)
    names = sorted(_datasets(case))
    nodes = sorted({one.name for pipeline in case.registered.values() for one in pipeline.nodes})
    can_confirm = kinds.get("raw") == "new" and len(runs) == 1  # two runs at once share a checkpoint, in Kedro too
    moving = [name for name, kind in kinds.items() if kind in _VERSIONED]
    saved = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(moving)), max_size=4) if moving else st.just([])
    return World(
        case=case,
        kinds=kinds,
        group_by=draw(_GROUP_BY),
        pins={
            name: OLDEST
            for name, kind in zip(names, map(kinds.get, map(base_name, names)), strict=True)
            if kind == "versioned" and draw(_BOOLEANS)
        },
        meanwhile=tuple(draw(saved)),
        choices=tuple(draw(_CHOICES)),
        twice=frozenset(draw(_TWICE)),
        runs=runs,
        confirming=draw(st.sampled_from(nodes)) if can_confirm and draw(_BOOLEANS) else None,
    )


def _sound(case: Case) -> Case:
    """Return the case, or all of `__default__` if its request would be refused: others test refusals."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            select(compiled(case.registered), case.pipelines, case.filters)
    except InvalidRequestError:
        return replace(case, pipelines=["__default__"], filters={})
    return case


def _kinds(draw: st.DrawFn, case: Case, only_versions: bool) -> dict[str, str]:
    """Draw how each dataset is kept; what two runs write at once is versioned, or in memory."""
    of_patterns = "pattern versioned" if only_versions or draw(_BOOLEANS) else "pattern"
    names, free, kinds = _datasets(case), set(map(base_name, _free(case))), dict[str, str]()
    for base in sorted(map(base_name, names)):
        known = [*_VERSIONED, *(_PLAIN if base in free or not only_versions else ())]
        if base not in names:
            known = [kind for kind in known if kind in _IN_TWO_FORMATS]
        elif base not in free:
            known += ["memory", "memory"]
        elif base == "raw":
            known += ["new", "new", "new"]
        kind = draw(st.sampled_from(known))
        kinds[base] = of_patterns if kind.startswith("pattern") else kind
    return kinds


def _datasets(case: Case) -> set[str]:
    return {name for pipeline in case.registered.values() for name in pipeline.datasets() if not is_parameter(name)}


def _free(case: Case) -> list[str]:
    made = {base_name(name) for pipeline in case.registered.values() for name in pipeline.all_outputs()}
    return sorted(name for name in _datasets(case) if base_name(name) not in made)


def registered(world: World) -> dict[str, Pipeline]:
    """Return the pipelines, with functions whose results tell what they were given."""

    def at_work(one: Node) -> Node:
        work = partial(worked, one.name, one.outputs, world.kinds)
        copy = one._copy(func=work, confirms="raw" if one.name == world.confirming else None)
        copy._name = one.name.removeprefix(f"{one.namespace}.") if one.namespace else one.name  # else after `work`
        return copy

    return {name: Pipeline([*map(at_work, pipeline.nodes)]) for name, pipeline in world.case.registered.items()}


def worked(name: str, outputs: Iterable[str], kinds: Mapping[str, str], *args: Any, **kwargs: Any) -> Any:
    """Be a node's function."""
    told = f"{name}({', '.join([*map(_text, args), *(f'{key}={_text(value)}' for key, value in kwargs.items())])})"
    short = told if len(told) < 300 else f"{told[:80]}…{hashlib.sha256(told.encode()).hexdigest()}"
    return [_made(f"{output} of {short}", kinds[base_name(output)]) for output in outputs] or None


def _made(content: str, kind: str) -> Any:
    """Return what a node saves: for partitions two, one of which is there already, saved lazily or not."""
    if not kind.startswith("parts"):
        return content
    parts = {one: f"{one}: {content}" for one in ("p1", f"p{2 + len(content) % 3}")}
    return {one: partial(str, text) for one, text in parts.items()} if len(content) % 2 else parts


def _text(value: Any) -> str:
    """Return what a node was given, with all partitions loaded."""
    if not isinstance(value, dict):
        return str(value)
    inner = ((key, each() if callable(each) else each) for key, each in value.items() if key != "aws_batch")
    return f"{{{', '.join(f'{key}: {_text(each)}' for key, each in sorted(inner))}}}"


def catalog(world: World) -> dict[str, Any]:
    """Return the project's catalog. Some datasets have no entry: patterns match them, or nothing does."""
    kinds = {name: world.kinds[base_name(name)] for name in sorted(_datasets(world.case))}
    entries = {name: _entry(name, kind) for name, kind in kinds.items() if not kind.startswith("pattern")}
    of_patterns = next((kind for kind in kinds.values() if kind.startswith("pattern")), None)
    if of_patterns is None:
        return {name: config for name, config in entries.items() if kinds[name] != "memory"}
    return entries | {name: _entry(name, of_patterns) for name in ("d{number}y", "{any}")}


def _entry(name: str, kind: str) -> dict[str, Any]:
    path = f"data/{base_name(name)}"
    versioned = {"versioned": True} if kind.endswith("versioned") else {}
    file = {"type": "pickle.PickleDataset", "filepath": path}
    match kind.split(maxsplit=1)[0]:
        case "memory":
            return {"type": "MemoryDataset"}
        case "cached":
            return {"type": "CachedDataset", "dataset": file, **versioned}
        case "wrapped":
            return {"type": f"{__name__}.Wrapped", "dataset": {**file, **versioned}}
        case "new":
            return {"type": "partitions.IncrementalDataset", "path": path, "dataset": "pickle.PickleDataset"}
        case "parts":
            inner = {"type": "pickle.PickleDataset", **versioned}
            more = {"overwrite": True} if kind.endswith("overwritten") else {}
            return {"type": "partitions.PartitionedDataset", "path": path, "dataset": inner, **more}
        case _:
            return {**file, **versioned}


def parameters(case: Case) -> dict[str, Any]:
    """Return the project's parameters: those that its nodes take, in their namespaces."""
    found: dict[str, Any] = {"x": {"y": 1, "z": 2}}
    taken = {name for pipeline in case.registered.values() for name in pipeline.inputs() if is_parameter(name)}
    for name in sorted(taken):
        *namespaces, last = name.removeprefix("params:").removesuffix(".y").split(".")
        inner = found
        for namespace in namespaces:
            inner = inner.setdefault(namespace, {})
        inner[last] = {"y": name}
    return found


def lay_out(folder: Path, world: World) -> None:
    """Write what earlier runs left, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for base, kind in world.kinds.items():
        if kind != "memory":
            in_parts = kind.startswith(("parts", "new"))
            for path in (folder / base / "p0", folder / base / "p1") if in_parts else (folder / base,):
                for version in (OLDEST, OLDER) if kind.endswith("versioned") else (None,):
                    put(path, version, OLDER)


def save_by_others(folder: Path, base: str, kind: str) -> None:
    """Save a dataset as two other runs do, of which one began earlier than ours and the other one later."""
    for version in (BETWEEN, NEWER):
        for path in (folder / base / "p1", folder / base / "p9") if kind.startswith("parts") else (folder / base,):
            put(path, version, NEWER)


def put(path: Path, version: str | None, at: str) -> None:
    """Write a file that tells its name and version."""
    target = path / version / path.name if version else path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pickle.dumps(f"{path.name} {version}"))
    moment = datetime.strptime(at, "%Y-%m-%dT%H.%M.%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
    os.utime(target, (moment, moment))


def contents(folder: Path, run_id: str) -> dict[str, Any]:
    """Return the content of each file, except for those of other runs."""
    others = {BETWEEN, NEWER, LATE, *RUNS} - {run_id}
    return {
        str(path.relative_to(folder)): path.read_text() if path.name == "CHECKPOINT" else _unpickled(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not others & set(path.parts)
    }


def _unpickled(path: Path) -> Any:
    return pickle.loads(path.read_bytes())  # noqa: S301  (the test has written it)
