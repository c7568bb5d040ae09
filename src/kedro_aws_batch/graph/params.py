"""Parameters that nothing reads, most often a typing mistake, and those that nodes read and nobody gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag import shape
from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.problems import Problem, listed

from .opening import Opening
from .project import read_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kedro_aws_batch._service.dag.document import Node

    from .compile import Compiled
    from .project import Project

_UNREAD = ", and nothing reads it."


def unread(project: Project, compiled: Compiled, given: Mapping[str, Any]) -> Iterator[Problem]:
    """Warn of each parameter of a run that the project doesn't have and that nothing reads.

    If a node reads all parameters at once, or all below one, it may be meant for that. Then only one with a near name
    gets a warning.
    """
    ours = {key: value for key, value in given.items() if key != KEY}
    if not ours:
        return
    read = {name.removeprefix("params:") for node in compiled.nodes for name in node.inputs if "params:" in name}
    known = {*_leaves(_own(project)), *project.asked}
    all_at_once = any("parameters" in node.inputs for node in compiled.nodes)
    for name in _leaves(ours):
        if any(_belong_together(name, other) for other in known) or any(_is_within(other, name) for other in read):
            continue
        within = any(_is_within(name, other) for other in read)
        near = _near_sibling(name, known) if within else did_you_mean(name, sorted({*known, *read})).strip()
        if near or not (all_at_once or within):
            what = "is in no parameters of the project" + (", but has a near name." if within else _UNREAD)
            yield Problem(f"--params: '{name}'", what, near, warning=True)


def lost(project: Project, nodes: Iterable[Node]) -> list[Problem]:
    """Return the parameters that these nodes read and that the project, with the run's parameters, doesn't have."""
    readers: dict[str, list[str]] = defaultdict(list)
    there = getattr(project.catalog, "_datasets", {})  # hooks may add some
    for node in nodes:
        for name in dict.fromkeys(node.inputs):
            if name.startswith("params:") and name not in there and not _has(project.parameters, name):
                readers[name].append(node.name)
    if not readers:
        return []
    own = _own(project)
    return [_lost(name, readers[name], own, project) for name in sorted(readers)]


def _lost(name: str, readers: Sequence[str], own: Mapping[str, Any], project: Project) -> Problem:
    """Return why a parameter is missing, given the project's parameters without a run's."""
    what, short = f"is read by {listed(readers)}, but", name.removeprefix("params:")
    if not _has(own, name):
        near = did_you_mean(short, sorted(_leaves(own))) or f" Give it with --params={short}=…."
        return Problem(f"'{name}'", f"{what} is in no parameters.", near.strip())
    first = short.partition(".")[0]
    soft = ', or add "merge_strategy": {"parameters": "soft"} to CONFIG_LOADER_ARGS'
    to_do = f"Give --params={short}=… too{soft if isinstance(project.parameters.get(first), Mapping) else ''}."
    return Problem(
        f"'{name}'", f"{what} this run's parameters replace the project's '{first}' by one without it.", to_do
    )


def _has(parameters: Mapping[str, Any], name: str) -> bool:
    """Whether parameters have one of this name, if only with the value None."""
    *parents, last = name.removeprefix("params:").split(".")
    below = shape.given(parameters, ".".join(parents)) if parents else parameters
    return isinstance(below, Mapping) and last in below


def _near_sibling(name: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest of the names with the same parent."""
    parent, _, last = name.rpartition(".")
    siblings = {other.removeprefix(f"{parent}.").partition(".")[0] for other in known if _is_within(other, parent)}
    near = get_close_matches(last, sorted(siblings), n=1, cutoff=0.7)
    return f"Did you mean '{parent}.{near[0]}'?" if near else ""


def _own(project: Project) -> dict[str, Any]:
    """Return the project's parameters without a run's."""
    opening = Opening(project.environment, project.path, conf_source=project.opening.conf_source)
    return read_part(project.path, opening, "parameters")


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of values, and of empty mappings."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _belong_together(name: str, other: str) -> bool:
    """Whether one of two dotted names is the other, or lies within it."""
    return _is_within(name, other) or _is_within(other, name)


def _is_within(name: str, other: str) -> bool:
    """Whether a dotted name is another, or lies within it."""
    return name == other or name.startswith(f"{other}.")
