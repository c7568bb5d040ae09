"""A Kedro session that is one part of a run: its id is the run's, and it loads what the run wrote.

Kedro makes `session_id = save_version = run_id` for each process. So nodes in processes of their own would save
different versions and load whatever is newest: a race between runs (`kedro_aws_batch.world`).
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from kedro.io import AbstractVersionedDataset, Version
from kedro.io.catalog_config_resolver import CatalogConfigResolver
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from kedro_aws_batch._service.dag.document import base_name
from kedro_aws_batch.graph.datasets import entry
from kedro_aws_batch.world import join_run
from kedro_aws_batch.world.versions import list_as_of, overwrite_own_version

from .signatures import SameNodes
from .slicing import SliceRunner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kedro.framework.context import KedroContext
    from kedro.pipeline.node import Node

    from .failing import Whereabouts
    from .payload import Payload


def run_payload(project: Path, payload: Payload, at: Whereabouts, *more: object) -> None:
    """Run a payload's nodes in a bootstrapped project, with all hooks, as `kedro run` would; `at` follows its progress.

    `more` are hooks that run before all others.
    """
    join_run(payload.run_id)
    if payload.again:
        overwrite_own_version(payload.run_id)
    base = getattr(settings, "SESSION_CLASS", KedroSession)  # a setting since Kedro 1.3
    of_process = issubclass(base, KedroSession)
    pins, nodes = Pins(payload), SameNodes(payload)
    params = {"runtime_params": dict(payload.params)}
    create: dict[str, Any] = {"project_path": project, "env": payload.environment, **(params if of_process else {})}
    if payload.conf_source:
        remote = "://" in payload.conf_source
        create["conf_source"] = payload.conf_source if remote else str(project / payload.conf_source)
    with session_class(base, payload.run_id).create(**create) as session:
        runner = SliceRunner(payload.part) if payload.part else SequentialRunner()
        for hooks in (pins, nodes, Following(at), *([runner] if payload.part else []), *more):
            session._hook_manager.register(hooks)  # noqa: SLF001  (there is no public door)
        try:
            session.run(
                node_names=list(payload.nodes),
                runner=runner,
                load_versions=pins.official,
                **_selected(session, payload),
                **({} if of_process else {"run_id": payload.run_id, **params}),
            )
        except (ValueError, KeyError):  # before Kedro 1.2, KeyError means an unknown pipeline
            nodes.refuse_absent()
            raise


def session_class(base: type[Any], run_id: str) -> type[Any]:
    """Return a session class whose sessions have the run's id."""

    class RunSession(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "session_id": run_id})

    return RunSession


@dataclass
class Following:
    """Hooks that record the node that a session is running: from the first dataset it loads to the last it saves."""

    at: Whereabouts

    @hook_impl(tryfirst=True)
    def before_dataset_loaded(self, node: Node) -> None:
        """Record the node before its own hooks and its data can fail."""
        self.at.node = node.name

    @hook_impl(tryfirst=True)
    def before_node_run(self, node: Node) -> None:
        """Record a node that loads nothing."""
        self.at.node = node.name

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Record that a later failure is not a node's."""
        self.at.node = None


class Pins:
    """Hooks that pin what a group loads: what the run wrote before, and what the group itself writes."""

    def __init__(self, payload: Payload) -> None:
        self._run_id = payload.run_id
        self._all: Mapping[str, str] = dict(payload.load_versions)
        #: The pins for Kedro's own `load_versions`. It refuses names that only a catch-all pattern matches, so those
        #: are removed once the catalog's configuration is read.
        self.official: dict[str, str] = dict(payload.load_versions)

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Leave to Kedro the pins that it accepts."""
        names = context.config_loader["catalog"]
        resolver = CatalogConfigResolver({name: {} for name in names}, None, {"{default}": {}})
        for name in list(self.official):
            if name not in names and not resolver.match_dataset_pattern(name):
                del self.official[name]

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        """Pin the nodes' datasets, before any of them is made."""
        written = set(map(base_name, pipeline.all_outputs()))
        for name in pipeline.datasets():
            version = self._all.get(name) or (self._run_id if base_name(name) in written else None)
            if version:
                _pin(catalog, name, version)
            _pin_partitions(catalog, name, Version(version, self._run_id))


def _pin(catalog: Any, name: str, version: str) -> None:
    """Make the catalog load this version of a dataset, whether it comes from an entry, a pattern or an object."""
    if isinstance(getattr(catalog, "_load_versions", None), dict):
        catalog._load_versions = {**catalog._load_versions, name: version}  # noqa: SLF001  (that dict is the caller's)
    lazy = getattr(catalog, "_lazy_datasets", {}).get(name)
    if lazy is not None:
        lazy.load_version = version
    made = getattr(catalog, "_datasets", {}).get(name)
    made = getattr(made, "_dataset", made)  # inside of a CachedDataset
    if isinstance(made, AbstractVersionedDataset) and made._version:  # noqa: SLF001
        made._version = Version(version, made._version.save)  # noqa: SLF001


def _pin_partitions(catalog: Any, name: str, version: Version) -> None:
    """Pin the partitions of a dataset, if they are versioned, to the run's versions.

    A PartitionedDataset tells no catalog its partitions' versions. A partition without the pinned version is loaded at
    its newest, as Kedro would; one that came after the run began isn't listed.
    """
    made: Any = getattr(catalog, "_datasets", {}).get(name)
    if made is None and _has_versioned_partitions(entry(catalog, name)):
        made = catalog.get(name)
    if "version" not in getattr(made, "_dataset_config", {}):
        return
    list_as_of(made, version.save)
    kind, newest = made._dataset_type, Version(None, version.save)  # noqa: SLF001  (there is no public door)

    @functools.wraps(kind, updated=())
    def partition(**config: Any) -> Any:
        pinned = kind(**{**config, "version": version})
        return pinned if version.load and pinned.exists() else kind(**{**config, "version": newest})

    made._dataset_type = partition  # noqa: SLF001


def _has_versioned_partitions(config: Mapping[str, Any]) -> bool:
    inner = config.get("dataset")
    return isinstance(inner, dict) and "path" in config and bool(inner.get("versioned"))


def _selected(session: Any, payload: Payload) -> dict[str, Any]:
    """Return the pipelines for `session.run`. Kedro imports only those; before 1.2 it takes only one."""
    names = list(payload.pipelines)
    if "pipeline_names" in inspect.signature(session.run).parameters:
        return {"pipeline_names": names}
    if len(names) == 1:
        return {"pipeline_name": names[0]}
    together = ",".join(names)
    pipelines[together] = sum((pipelines[name] for name in names), Pipeline([]))
    return {"pipeline_name": together}
