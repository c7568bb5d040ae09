"""Kedro project → graph document, the JSON that the service reads (docs/contracts.md)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

import kedro

from kedro_aws_batch._service.dag.document import FORMAT, digest_of, is_parameter, read_document
from kedro_aws_batch._service.dag.preview import plan_of
from kedro_aws_batch.moment import Moment

from . import datasets
from .config import read_project_configuration
from .on_s3 import Lying
from .opening import as_deployed
from .shape import shaped_by
from .signing.sign import Beside, sign
from .values import parameter_digests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

    from kedro_aws_batch._service.dag.document import GraphDocument
    from kedro_aws_batch._service.dag.plan import Plan
    from kedro_aws_batch._service.dag.problems import Problem

    from .config import ProjectConfiguration
    from .datasets import CatalogDataset
    from .project import Project


class Identity(NamedTuple):
    """A node's identity: Kedro's, and its tags.

    Another pipeline may have the same node with other tags, and filters and resources depend on those.
    """

    node: Node
    tags: frozenset[str]


@dataclass(frozen=True)
class Compiled:
    """A project's graph document, and its sources."""

    document: Mapping[str, Any]
    nodes: Sequence[Node]
    datasets: Mapping[str, CatalogDataset]
    configuration: ProjectConfiguration
    #: Returns what a deployed document has besides.
    sign: Callable[[], Mapping[str, Any]]
    #: What is wrong with the `aws_batch` parameters. With such problems the document can't be used.
    problems: Sequence[Problem]

    @cached_property
    def signed(self) -> Mapping[str, Any]:
        """Return the document with its nodes' signatures, as it is deployed: it takes a while to read all code.

        If the project's runs reuse, it also says where datasets lie on S3.
        """
        return {**self.document, **self.sign()}

    @cached_property
    def read(self) -> GraphDocument:
        """Return the document as the service reads it. Raises what the service would refuse."""
        return read_document(json.dumps(self.document))

    @cached_property
    def _plans(self) -> dict[str, Plan]:
        return {}

    def plan_of(self, pipeline: str) -> Plan:
        """Return the plan of a run of a pipeline, made once. Raises what the service would refuse."""
        if pipeline not in self._plans:
            self._plans[pipeline] = plan_of(self.read, {"pipeline": pipeline})
        return self._plans[pipeline]


def compile_project(project: Project) -> Compiled:
    """Return the project's graph document, digest included, with the problems of its configuration."""
    configuration, problems = read_project_configuration(project.parameters, project.environment)
    identities = _union(project.pipelines)
    indices = {identity: index for index, identity in enumerate(identities)}
    nodes = [node for node, _ in identities]
    found = _datasets(project, nodes, configuration.shared_paths)
    made = dict(getattr(project.catalog, "_datasets", {}))
    document: dict[str, Any] = {
        "format": FORMAT,
        "project": project_name(project.package),
        "package": project.package,
        "kedro_version": _kedro_version(),
        "environment": project.environment,
        "nodes": [_node(node, configuration) for node in nodes],
        "pipelines": {
            name: [indices[_identity(node)] for node in project.pipelines[name].nodes]
            for name in _default_first(project.pipelines)
        },
        "datasets": {
            name: {
                "type": dataset.type,
                "location": dataset.location,
                "versioned": dataset.versioned,
                **({"partitions": dataset.partitions} if dataset.partitions else {}),
            }
            for name, dataset in found.items()
        },
        "run": dict(configuration.run),
    }
    inputs = [name for node in nodes for name in node.inputs]
    environments = {
        one["name"]: one["resources"]["environment"] for one in document["nodes"] if "environment" in one["resources"]
    }
    run_id = project.opening.run_id
    moving = [] if run_id is None else [run_id, Moment(run_id).date]
    if values := parameter_digests(project.parameters, inputs, as_deployed(project.opening.params), moving):
        document["parameters"] = values
    if project.asked:
        document["runtime_params"] = sorted(project.asked)
    if depends := shaped_by(project, [name for name in found if name not in made]):
        document["shaped_by"] = depends
    made_by_hooks = {name: made.get(name) for name in found}
    beside = Beside(made_by_hooks, moving, environments, configuration.run["conf_sources"])

    def signed() -> dict[str, Any]:
        signatures = sign(project, nodes, beside)
        if not configuration.run.get("reuse"):
            return {"signatures": signatures}
        lying = Lying(project=project, datasets=found, made=made, moving=moving, clock="clock" in signatures)
        return {"signatures": signatures, "places": lying.places()}

    return Compiled(
        document={**document, "digest": digest_of(document)},
        nodes=nodes,
        datasets=found,
        configuration=configuration,
        sign=signed,
        problems=problems,
    )


def to_json(document: Mapping[str, Any]) -> str:
    """Return the document for a file: readable, its keys in the order of docs/contracts.md."""
    order = ("format", "digest", "project", "package", "kedro_version", "environment")
    first = {key: document[key] for key in order}
    return json.dumps({**first, **document}, indent=2, ensure_ascii=False) + "\n"


def project_name(package: str) -> str:
    """Return the prefix of every job name: 32 characters of `[A-Za-z0-9_]`, the first a letter or a digit."""
    return re.sub(r"[^A-Za-z0-9_]", "_", package).lstrip("_")[:32] or "project"


def _union(pipelines: Mapping[str, Pipeline]) -> list[Identity]:
    """Return all pipelines' nodes, each once, topologically; if one pipeline has them all, in Kedro's own order."""
    parents: dict[Identity, set[Identity]] = {}
    for name in _default_first(pipelines):
        tags = {node: _identity(node) for node in pipelines[name].nodes}
        for node, nearest in pipelines[name].node_dependencies.items():
            parents.setdefault(tags[node], set()).update(tags[parent] for parent in nearest)
    sorter = TopologicalSorter(parents)
    try:
        sorter.prepare()
    except CycleError:  # the pipelines contradict each other; each alone is sound
        return list(
            dict.fromkeys(_identity(node) for name in _default_first(pipelines) for node in pipelines[name].nodes)
        )
    order: list[Identity] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=_sort_key)
        order += ready
        sorter.done(*ready)
    return order


def _identity(node: Node) -> Identity:
    return Identity(node, frozenset(node.tags))


def _sort_key(identity: Identity) -> tuple[str, list[str], list[str], list[str]]:
    node, tags = identity
    return node.name, list(node.inputs), list(node.outputs), sorted(tags)


def _default_first(pipelines: Mapping[str, Pipeline]) -> list[str]:
    return sorted(pipelines, key=lambda name: (name != "__default__", name))


def _datasets(project: Project, nodes: Sequence[Node], shared_paths: tuple[str, ...]) -> dict[str, CatalogDataset]:
    names = {name for node in nodes for name in [*node.inputs, *node.outputs] if not is_parameter(name)}
    return {name: datasets.dataset_of(project, name, shared_paths) for name in sorted(names)}


def _node(node: Node, configuration: ProjectConfiguration) -> dict[str, Any]:
    return {
        "name": node.name,
        "str": str(node),
        "namespace": node.namespace,
        "tags": sorted(node.tags),
        "inputs": list(node.inputs),
        "outputs": list(node.outputs),
        "resources": configuration.layers.over({}, node),
        **({"confirms": list(node.confirms)} if node.confirms else {}),
    }


def _kedro_version() -> str:
    return kedro.__version__
