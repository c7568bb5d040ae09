"""Finds runtime parameters that change more than paths and values, by giving each another value."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kedro.io.catalog_config_resolver import CatalogConfigResolver

from kedro_aws_batch._service.dag.configuration import KEY
from kedro_aws_batch._service.dag.shape import fingerprint, given
from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.quiet import silent

from .datasets import of_config
from .places import Ground
from .project import read_part
from .runtime_params import stand_in, with_param

if TYPE_CHECKING:
    from .opening import Opening
    from .project import Project

#: What opening a project with other parameters may raise.
NOT_OPENED = (ProjectError, ValueError, TypeError, KeyError)


def shaped_by(project: Project, names: Collection[str]) -> dict[str, list[str | None]]:
    """Return the parameters that change these datasets' kinds or what jobs ask for, with the values that keep them.

    If the configuration can't take another value at all, nothing is known of a parameter, and it is left out.
    """
    usual = _shape(project, project.opening, names) if project.asked else None
    return {
        name: _held(project, name)
        for name in sorted(project.asked)
        if _shape(project, with_others(project, [name]), names) not in (usual, None)
    }


def _held(project: Project, name: str) -> list[str | None]:
    """Return the fingerprints of the values equivalent to the one that the project was opened with."""
    value, default = given(project.opening.params, name), project.defaults.get(name)
    held = {fingerprint(value)} | ({fingerprint(default), None} if value in (None, default) else set())
    return sorted(held, key=str)


def with_others(project: Project, names: Iterable[str]) -> Opening:
    """Return the opening with other values, of the same types, for some parameters."""
    params = project.opening.params
    for name in names:
        params = with_param(params, name, _another(project, name))
    return replace(project.opening, params=params)


def _another(project: Project, name: str) -> Any:
    value = given(project.opening.params, name)
    value = project.defaults.get(name) if value is None else value
    other: Any = f"{stand_in(name)} or another"
    if isinstance(value, bool):
        other = not value
    elif isinstance(value, (int, float)):
        other = value + 1
    return other


def _shape(project: Project, opening: Opening, names: Collection[str]) -> Any:
    """Return a graph document's account of a project opened like this; None if it can't be opened."""
    try:
        entries = entries_of(project, opening, names)
        settings = read_part(project.path, opening, "parameters").get(KEY)
    except NOT_OPENED:
        return None
    shared = settings.get("shared_paths") if isinstance(settings, Mapping) else None
    ground = Ground(project.path, tuple(shared) if isinstance(shared, list) else ())
    found = {name: (of_config(entry, ground).location, *_kinds(entry)) for name, entry in entries.items()}
    return found, settings


def entries_of(project: Project, opening: Opening, names: Collection[str]) -> dict[str, Any]:
    """Return the catalog entries of datasets, without credentials, as the project has them if it is opened like this.

    Raises a ProjectError, or what Kedro raises, if it can't be.
    """
    catalog = read_part(project.path, opening, "catalog")
    with silent("kedro.io.catalog_config_resolver"):  # it warns that it keeps in memory what has no entry
        resolver = CatalogConfigResolver(_without_credentials(catalog))
        return {name: resolver.config.get(name) or resolver.resolve_pattern(name) for name in names}


def _kinds(entry: Any) -> Iterator[str]:
    """Yield the types of an entry and of those within it, and whether they keep versions."""
    if isinstance(entry, Mapping):
        for key, value in entry.items():
            if key in ("type", "versioned"):
                yield f"{key} {value}"
            yield from _kinds(value)


def _without_credentials(config: Any) -> Any:
    if not isinstance(config, Mapping):
        return config
    return {key: _without_credentials(value) for key, value in config.items() if key != "credentials"}
