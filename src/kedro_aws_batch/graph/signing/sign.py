"""What the graph document says of each node's signature."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.document import is_parameter
from kedro_aws_batch._service.dag.signatures import UNTOLD
from kedro_aws_batch.graph.datasets import entry
from kedro_aws_batch.graph.values import value_text
from kedro_aws_batch.graph.varying import varies

from .entries import read_entry
from .functions import UntoldError, recognise
from .modules import Code, Modules, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from kedro.pipeline.node import Node

    from kedro_aws_batch.graph.project import Project

#: Hex digits of the hash of a node's code.
_SIGNATURE = 16
#: Hex digits of another hash that the document has.
_DIGITS = 12
_HASH = 64
#: Characters of a reason.
_LONGEST = 200
#: What reading code and entries may raise. Whatever it is about can't be told then.
_UNTOLD = (UntoldError, SyntaxError, ImportError, ValueError, OSError, RecursionError)


@dataclass(frozen=True)
class Beside:
    """What counts besides the code of nodes."""

    #: Dataset → its instance if a hook made it: the catalog can't tell it from its own, once somebody has used it.
    datasets: Mapping[str, Any]
    moving: Sequence[str] = ()  #: texts that each run has of its own: they don't count
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  #: node → variables of its job
    conf_sources: Sequence[str] = ()  #: where the configuration of a run may come from


def sign(project: Project, nodes: Sequence[Node], beside: Beside) -> dict[str, Any]:
    """Return the signatures of a project's nodes."""
    modules, parts = Modules(project.package), _Parts()
    signed = [_node(node, project.package, modules, parts) for node in nodes]
    for one, node in zip(signed, nodes, strict=True):
        if (variables := beside.environments.get(node.name)) and not one[0].startswith(UNTOLD):
            part, told = f"environment of '{node.name}'", digest(json.dumps(variables, sort_keys=True))
            parts.hashes[part] = told
            one[0] = digest(f"{one[0]} {told}")[:_SIGNATURE]
            one.append(part)
    reading = {name: partial(_config, project, name, made) for name, made in beside.datasets.items()}
    entries = {name: _entry(project, read, modules, parts, beside.moving) for name, read in reading.items()}
    sources = {one: found for one in beside.conf_sources if (found := _files_in(project.path, one))}
    written = {**parts.written(), **_in_time(project, nodes, beside)}
    return {"nodes": signed, "entries": entries, **written, **({"conf_sources": sources} if sources else {})}


def _files_in(project: Path, conf_source: str) -> str | None:
    """Return a digest of what is in a folder of the project, without credentials; None if there is none."""
    folder = project / conf_source
    if "://" in conf_source or not folder.exists():
        return None
    files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
    told = (
        f"{file.relative_to(folder).as_posix()} {digest(file.read_bytes())}"
        for file in files
        if file.is_file() and not file.name.startswith("credentials")
    )
    return digest("\n".join(told))[:_SIGNATURE]


def _in_time(project: Project, nodes: Sequence[Node], beside: Beside) -> dict[str, Any]:
    """Return what may be another in each run: parameters and datasets by name, or anything, for which there is a clock.

    Whoever reads the clock by a resolver gets the moment of the run, of which the texts in `moving` are known.
    """
    inputs = sorted({name for node in nodes for name in node.inputs if is_parameter(name)})
    texts = {name: value_text(project.parameters, name) for name in inputs}
    configured = (name for name, made in beside.datasets.items() if made is None and beside.moving)
    texts.update({name: str(entry(project.catalog, name)) for name in configured})
    found = sorted(name for name, text in texts.items() if any(own in text for own in beside.moving))
    clock = varies(project.opening, thorough=False)
    return {**({"moving": found} if found else {}), **({"clock": True} if clock else {})}


@dataclass
class _Parts:
    """All that nodes are made of, each said once."""

    hashes: dict[str, str] = field(default_factory=dict)
    lists: dict[tuple[str, ...], int] = field(default_factory=dict)
    _known: dict[int, int] = field(default_factory=dict)
    _kept: list[Code] = field(default_factory=list)

    def of(self, code: Code) -> int:
        """Return the number of the list of what code leads to."""
        if id(code) not in self._known:
            self.hashes.update({**code.parts, **code.own})
            self._known[id(code)] = self.lists.setdefault(tuple(sorted(code.parts)), len(self.lists))
            self._kept.append(code)  # so that no other has its id
        return self._known[id(code)]

    def written(self) -> dict[str, Any]:
        """Return them for the document."""
        order = {name: index for index, name in enumerate(sorted(self.hashes))}
        return {
            "parts": {name: _shortened(self.hashes[name]) for name in order},
            "made_of": [[order[name] for name in some] for some in self.lists],
        }


def _shortened(one: str) -> str:
    return one[:_DIGITS] if len(one) == _HASH else one


def _node(node: Node, package: str, modules: Modules, parts: _Parts) -> list[Any]:
    """Return a node's hash, the number of the list of what it is made of, and the names of its own parts."""
    try:
        found = recognise(node.func, modules)
        code = modules.code({*found.modules, f"{package}.settings"}, found.functions)
    except _UNTOLD as error:
        return [_why(error), parts.of(Code())]
    return [digest(f"{found.text} {code.hash}")[:_SIGNATURE], parts.of(code), *sorted(code.own)]


def _entry(
    project: Project, config: Callable[[], Mapping[str, Any]], modules: Modules, parts: _Parts, moving: Iterable[str]
) -> list[Any]:
    """Return the hash of a dataset's catalog entry, and the number of the list of what its types are made of."""
    try:
        read = read_entry(config(), project.path, modules)
    except _UNTOLD as error:
        return [_why(error), parts.of(Code())]
    text = read.text
    for own in moving:
        text = text.replace(own, "")
    return [digest(text)[:_DIGITS], parts.of(read.code)]


def _why(error: Exception) -> str:
    """Return why something can't be told. What others' errors say may name places of this machine."""
    ours = isinstance(error, (UntoldError, SyntaxError))
    return f"{UNTOLD}{str(error)[:_LONGEST] if ours else f'reading its code ended in a {type(error).__name__}'}"


def _config(project: Project, name: str, instance: Any | None) -> Mapping[str, Any]:
    """Return a dataset's configuration; of one that a hook made, what it was made with."""
    if instance is None:
        return entry(project.catalog, name)
    made_with = getattr(instance, "_init_config", None)
    if made_with is None:
        raise UntoldError(f"a hook made it, a {type(instance).__qualname__}")
    config: Mapping[str, Any] = made_with()
    return config
