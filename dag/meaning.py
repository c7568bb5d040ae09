"""What a request means: with what it takes from the run that it resumes, its settings, and what storage has to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .configuration import RUN, Configuration, read_overrides
from .document import GraphDocument, base_name
from .grouping import is_in_memory
from .reuse import unmade
from .selection import FILTERS, select
from .stored import Ask, Shown, read_shown

#: The settings that are also fields of a request; the fields win over its parameters.
FIELDS = ("max_workers", "on_failure", "reuse")


def resumed_request(request: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return the full request of a run that resumes another: what it doesn't say itself, it takes from the other."""
    merged = dict(request)
    if not any(name in request for name in ("pipeline", "pipelines", *FILTERS)):
        merged.update({name: earlier[name] for name in ("pipeline", "pipelines", *FILTERS) if name in earlier})
    for name in ("params", "conf_source", "load_versions", "max_workers", "on_failure", "reuse"):
        if name not in request and name in earlier:
            merged[name] = earlier[name]
    return merged


def settings_of(document: GraphDocument, request: Mapping[str, Any], overrides: Configuration) -> dict[str, Any]:
    """Return the settings of a run: its fields, else its parameters, else what is deployed, else the defaults."""
    return {
        **{key: setting.default for key, setting in RUN.items()},
        **document.run,
        **overrides.settings,
        **{key: request[key] for key in FIELDS if key in request},
    }


def reuse_wanted(document: GraphDocument, request: Mapping[str, Any]) -> bool:
    """Return whether a run is to reuse what earlier ones have made."""
    return bool(settings_of(document, request, read_overrides(request.get("params", {}))[0])["reuse"])


def to_ask(
    document: GraphDocument, request: Mapping[str, Any], earlier: Mapping[str, Any], *, notes: bool = False
) -> set[str]:
    """Return the datasets whose state a run needs: inputs that none of its nodes makes, and what they may have made.

    `earlier` is the request of a resumed run. Runs that neither reuse nor resume need none, unless the project's runs
    do, or `notes` says that all note their inputs: then a later one needs those. What nodes confirm is left out: its
    checkpoint is written beside the data, and keeps what was loaded from being loaded again.
    """
    resumes, reuses = "resume_from" in request, reuse_wanted(document, request)
    if not (resumes or reuses or notes or document.run.get("reuse")):
        return set()
    meant = resumed_request(request, earlier) if resumes else request
    nodes = select(document, meant.get("pipelines") or [meant.get("pipeline", "__default__")], meant)
    known = {base_name(name) for node in nodes for name in node.confirms}
    outputs = (name for node in nodes for name in node.outputs if not is_in_memory(name, document.datasets))
    wanted = {*unmade(nodes, document.datasets), *(outputs if reuses or resumes else ())}
    return {name for name in wanted if base_name(name) not in known}


def stored_of(document: GraphDocument, request: Mapping[str, Any], ask: Ask | None) -> Shown | str | None:
    """Return what storage shows of what a run needs, or why nobody has asked it; None if that makes no difference.

    What a request says of it counts. Without that it is asked here; the request has then all that it takes from a run
    that it resumes.
    """
    if "stored" in request:
        return read_shown(request["stored"])
    if ask is None:
        return None
    names = to_ask(document, request, {})
    return ask(names) if names else None
