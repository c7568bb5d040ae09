"""Whether two runs were asked for the same of a node, but for its parameters.

Where their configuration comes from counts, the environment of its job, and the versions that it loads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .configuration import KEY
from .document import GraphDocument, Node, base_name
from .resume import changed_parameters
from .stored import Shown

_SOURCE = "conf source "


def another_asked(before: Mapping[str, Any], now: Mapping[str, Any], node: Node) -> str | None:
    """Return what a request asks for that is another than in a run before."""
    if before.get("conf_source") != now.get("conf_source"):
        return "the conf source is another"
    if _environments(before) != _environments(now):
        return "the environment that the run's own parameters set is another"
    was, given = (request.get("load_versions", {}) for request in (before, now))
    for name in node.inputs:
        if any(given.get(key) != was.get(key) for key in (name, base_name(name))):
            return f"another version of '{name}' is asked for"
    return None


def version_asked(request: Mapping[str, Any], name: str) -> str | None:
    """Return the version of a dataset that a request asks for."""
    given = request.get("load_versions", {})
    version: str | None = given.get(name) or given.get(base_name(name))
    return version


def _environments(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of jobs that a run's own parameters set, by their layers."""
    own = request.get("params", {}).get(KEY) or {}
    layers = own.get("resources") or {}
    found = {"": layers.get("default") or {}}
    for kind in ("tags", "namespaces", "nodes"):
        found.update({f"{kind} {name}": some or {} for name, some in (layers.get(kind) or {}).items()})
    return {name: some["environment"] for name, some in found.items() if some.get("environment")}


def source_name(conf_source: str) -> str:
    """Return the name under which storage is asked about a conf source, and its digest noted: no dataset has it."""
    return f"{_SOURCE}{conf_source}"


def is_source(name: str) -> bool:
    """Return whether a name is that of a conf source."""
    return name.startswith(_SOURCE)


def source_noted(document: GraphDocument, request: Mapping[str, Any], shown: Shown) -> dict[str, str]:
    """Return a digest of what is in a run's conf source, by its name; none if that can't be told, or there is none.

    A folder of the project is in the image, so it counts as it was when that was deployed.
    """
    if "conf_source" not in request:
        return {}
    source, name = request["conf_source"], source_name(request["conf_source"])
    if "://" in source:
        return {name: shown.seen[name].digest} if name in shown.seen else {}
    return {name: digest} if (digest := document.signatures.get("conf_sources", {}).get(source)) else {}


def asked_anew(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    nodes: Sequence[Node],
    was_noted: Mapping[str, str],
    noted: Mapping[str, str],
) -> dict[str, str]:
    """Return the nodes for which a request asks otherwise than the one before, or may do, with why.

    Each of the two runs has noted what storage showed of its conf source.
    """
    told = {node.name: another_asked(before, now, node) for node in nodes}
    if source := now.get("conf_source"):
        changed = changed_parameters(before.get("params", {}), now.get("params", {}))
        why = _source_changed(source, was_noted, noted, changed)
        told = {name: one or why for name, one in told.items()}
    return {name: one for name, one in told.items() if one}


def _source_changed(
    conf_source: str, before: Mapping[str, str], now: Mapping[str, str], params: Sequence[str]
) -> str | None:
    """Return why the configuration in a conf source isn't surely what it was; `before` and `now` are what was noted.

    Nobody knows which of the run's parameters it asks for.
    """
    name = source_name(conf_source)
    if name not in before or name not in now:
        return f"it can't be told whether the configuration in '{conf_source}' has changed"
    if before[name] != now[name]:
        return f"the configuration in '{conf_source}' has changed"
    return f"parameter '{params[0]}', which '{conf_source}' may use, has changed" if params else None
