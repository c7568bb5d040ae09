"""Runtime parameters that nothing reads: most often a typing mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.problems import Problem

from .opening import Opening
from .project import read_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .compile import Compiled
    from .project import Project


def unread(project: Project, compiled: Compiled, given: Mapping[str, Any]) -> Iterator[Problem]:
    """Warn of each parameter of a run that the project doesn't have and that nothing reads.

    If a node reads all parameters at once, it may be meant for that; then only one with a near name gets a warning.
    """
    ours = {key: value for key, value in given.items() if key != KEY}
    if not ours:
        return
    read = {name.removeprefix("params:") for node in compiled.nodes for name in node.inputs if "params:" in name}
    known = {*_leaves(_own(project)), *read, *project.asked}
    all_at_once = any("parameters" in node.inputs for node in compiled.nodes)
    for name in _leaves(ours):
        if any(_belong_together(name, other) for other in known):
            continue
        near = did_you_mean(name, sorted(known)).strip()
        if near or not all_at_once:
            what = "is in no parameters of the project, and nothing reads it."
            yield Problem(f"--params: '{name}'", what, near, warning=True)


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
    return name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.")
