"""Every reason why a run of the project would fail on AWS Batch, found before anything is started."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from kedro.framework.project import settings
from kedro.io.core import parse_dataset_definition

from kedro_aws_batch._service.dag.document import base_name, is_parameter
from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.namespaces import prefixes
from kedro_aws_batch.wording import listed

from . import fargate
from .config import NO_BUCKET
from .datasets import LOCAL, MEMORY, entry
from .problems import Problem
from .project import base_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kedro.pipeline.node import Node

    from .compile import Compiled
    from .project import Project

MOST_NODES = 100_000
#: SubmitJob takes 30 KiB; two of them are left to the names, the resources and the environment of a job.
LARGEST_PAYLOAD = 28 * 1024
SECRET = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE_KEY|ACCESS_KEY|CREDENTIAL", re.IGNORECASE)


def check(project: Project, compiled: Compiled) -> list[Problem]:
    """Return all problems of a project in its environment, errors first."""
    found = [
        *compiled.problems,
        *_size(compiled.nodes),
        *_unknown_names(project, compiled),
        *_groups_that_disagree(compiled),
        *_impossible_sizes(compiled),
        *_secrets(compiled),
        *_datasets_that_jobs_cannot_reach(project, compiled),
        *_placeholders(project, compiled),
        *_datasets_between_jobs(project, compiled),
        *_free_inputs_in_memory(project, compiled),
        *_unusable_types(project, compiled),
        *_groups_too_large(compiled),
        *_names_that_kedro_run_cannot_take(compiled),
        *_parameters_that_lose_their_neighbours(project),
    ]
    return sorted(dict.fromkeys(found), key=lambda problem: problem.warning)


def _size(nodes: Sequence[Node]) -> Iterator[Problem]:
    if not nodes:
        yield Problem("pipelines", "no pipeline has any nodes.", "Register one in pipeline_registry.py.")
    if len(nodes) > MOST_NODES:
        yield Problem(
            "pipelines", f"{len(nodes):,} nodes are more than the {MOST_NODES:,} of a run.", "Split the project."
        )


def _unknown_names(project: Project, compiled: Compiled) -> Iterator[Problem]:
    resources = compiled.configuration.resources
    namespaces = {prefix for node in compiled.nodes for prefix in prefixes(node.namespace)}
    known = {
        "tags": {tag for node in compiled.nodes for tag in node.tags},
        "namespaces": namespaces,
        "nodes": {node.name for node in compiled.nodes},
    }
    for layer, names in known.items():
        for name in getattr(resources, layer):
            if name not in names:
                yield Problem(
                    f"{_parameters(project)}, aws_batch.resources.{layer}",
                    f"no {layer[:-1]} is named '{name}'.",
                    did_you_mean(name, names).strip() or "Remove it, or mend its name.",
                )
    for way in compiled.configuration.run["group_by"]:
        tag = way.removeprefix("tag:")
        if way.startswith("tag:") and tag not in known["tags"]:
            to_do = did_you_mean(tag, known["tags"]).strip()
            yield Problem(
                f"{_parameters(project)}, aws_batch.group_by", f"no node has the tag '{tag}'.", to_do, warning=True
            )


def _groups_that_disagree(compiled: Compiled) -> Iterator[Problem]:
    """Tell which nodes share a job and want different ones; of vcpus, memory and gpus a job gets the most of any."""
    for nodes in _groups(compiled):
        wanted = [compiled.configuration.resources.of(node) for node in nodes]
        for key in ("job_definition", "job_queue", "share_identifier"):
            values = sorted({resources[key] for resources in wanted if key in resources})
            if len(values) > 1:
                what = f"share a job (data in memory, or group_by), but their {key} differs: {listed(values)}."
                yield Problem(
                    f"nodes {listed(node.name for node in nodes)}",
                    what,
                    "Set one, or add what they pass to the catalog.",
                )


def _impossible_sizes(compiled: Compiled) -> Iterator[Problem]:
    """Tell what Fargate can't run, one problem for each size, naming the nodes that ask for it."""
    if compiled.configuration.run["launch_type"] != "FARGATE":
        return
    asking: dict[tuple[Any, Any, Any], list[str]] = defaultdict(list)
    for nodes in _groups(compiled):
        asked = [compiled.configuration.resources.of(node) for node in nodes]
        sizes = (max((one[key] for one in asked if key in one), default=None) for key in ("vcpus", "memory", "gpus"))
        vcpus, memory, gpus = sizes
        asking[vcpus, memory, gpus] += [node.name for node in nodes]
    for (vcpus, memory, gpus), names in asking.items():
        where = f"node{'s' if len(names) > 1 else ''} {listed(names)}"
        if gpus:
            yield Problem(where, "Fargate has no GPUs.", "Use launch_type EC2, or ask for none.")
        if (vcpus is None) != (memory is None):
            yield Problem(
                where, "Fargate needs vcpus and memory together.", "Set both, or leave both to the definition."
            )
        elif vcpus is not None and not fargate.fits(vcpus, memory):
            near = fargate.nearest(vcpus, memory)
            what = f"Fargate has no size of {vcpus:g} vCPU with {memory} MiB."
            yield Problem(where, what, f"The nearest that holds it is vcpus: {near[0]:g}, memory: {near[1]}.")


def _secrets(compiled: Compiled) -> Iterator[Problem]:
    for node in compiled.document["nodes"]:
        for name in node["resources"].get("environment", {}):
            if SECRET.search(name):
                what = f"'{name}' in its environment looks like a secret, and Batch's events show it in plain text."
                yield Problem(f"node '{node['name']}'", what, "Give secrets in the job definition.", warning=True)


def _datasets_that_jobs_cannot_reach(project: Project, compiled: Compiled) -> Iterator[Problem]:
    for name, dataset in compiled.datasets.items():
        if dataset.location == LOCAL:
            yield Problem(
                f"dataset '{name}'",
                f"lies on this machine ({_path(project, dataset.path)}), which jobs can't reach.",
                f"Give it a path on S3 in conf/{project.environment}/catalog.yml, or name a folder that every job sees "
                "in aws_batch.shared_paths.",
            )


def _placeholders(project: Project, compiled: Compiled) -> Iterator[Problem]:
    """Warn of the bucket that `init` writes where it was told none; a local run is content with it."""
    there = [name for name, dataset in compiled.datasets.items() if _in_placeholder(dataset.path)]
    if there:
        what = f"the bucket is still called {NO_BUCKET}."
        to_do = f"Name yours in conf/{project.environment}/catalog.yml before you deploy."
        yield Problem(f"dataset{'s' if len(there) > 1 else ''} {listed(there, limit=3)}", what, to_do, warning=True)


def _in_placeholder(path: str | None) -> bool:
    return path is not None and path.startswith(f"s3://{NO_BUCKET}/")


def _datasets_between_jobs(project: Project, compiled: Compiled) -> Iterator[Problem]:
    """Tell which datasets would be lost on their way: in memory between two jobs, or under two names within one."""
    grouped = "memory" in compiled.configuration.run["group_by"]
    for producer, output, consumer, taken in _edges(project):
        in_memory = [name for name in dict.fromkeys((output, taken)) if compiled.datasets[name].location == MEMORY]
        if not in_memory:
            continue
        where, way = f"dataset '{in_memory[0]}'", f"from node '{producer.name}' to '{consumer.name}'"
        add = f"Add it to conf/{project.environment}/catalog.yml"
        if output != taken:
            what = f"passes {way} as '{output}' and '{taken}', of which {listed(in_memory)} is not in the catalog."
            yield Problem(where, what, f"{add}.")
        elif not grouped:
            what = f"passes {way} in memory, but aws_batch.group_by does not hold 'memory'."
            yield Problem(where, what, f"{add}, or add 'memory' to group_by to run both nodes in one job.")


def _free_inputs_in_memory(project: Project, compiled: Compiled) -> Iterator[Problem]:
    made = {base_name(name) for node in compiled.nodes for name in node.outputs}
    for pipeline_name, pipeline in project.pipelines.items():
        for name in sorted(pipeline.inputs()):
            if is_parameter(name) or compiled.datasets[name].location != MEMORY:
                continue
            where, file = f"dataset '{name}'", f"conf/{project.environment}/catalog.yml"
            if base_name(name) in made:
                what = f"pipeline '{pipeline_name}' can't run by itself: another pipeline leaves its input in memory."
                yield Problem(where, what, f"Add it to {file} if it should.", warning=True)
            else:
                readers = listed(sorted(node.name for node in pipeline.nodes if name in node.inputs))
                near = did_you_mean(name, (known for known in compiled.datasets if known != name))
                what = f"is read by {readers}, but no node makes it and it is not in the catalog."
                yield Problem(where, what, f"Add it to {file}.{near}")


def _unusable_types(project: Project, compiled: Compiled) -> Iterator[Problem]:
    made = getattr(project.catalog, "_datasets", {})
    seen: set[str] = set()
    for name, dataset in compiled.datasets.items():
        if name in made or dataset.type in seen:
            continue
        try:
            parse_dataset_definition(
                {key: value for key, value in entry(project.catalog, name).items() if key != "validator"}
            )
        except Exception as error:  # noqa: BLE001  (an import may fail in any way)
            reason = str(error).replace("\n", " ").strip()
            users = [other for other in compiled.datasets if compiled.datasets[other].type == dataset.type]
            yield Problem(
                f"dataset{'s' if len(users) > 1 else ''} {listed(users)}", f"the type can't be loaded: {reason}", ""
            )
        seen.add(dataset.type)


def _groups_too_large(compiled: Compiled) -> Iterator[Problem]:
    """Tell which nodes must run in one job that SubmitJob can't take: at least those that share memory or a key."""
    for nodes in _groups(compiled):
        versioned = {name for node in nodes for name in node.inputs if name in compiled.datasets}
        pins = {name: "2026-11-22T13.11.00.123Z" for name in versioned if compiled.datasets[name].versioned}
        size = len(json.dumps({"nodes": [node.name for node in nodes], "load_versions": pins}))
        if size > LARGEST_PAYLOAD:
            what = (
                f"{len(nodes)} nodes share one job, and their names take {size:,} bytes: SubmitJob takes 30 KiB in all."
            )
            to_do = "Add datasets between them to the catalog, or group by less."
            yield Problem(f"node '{nodes[0].name}' and {len(nodes) - 1} more", what, to_do)


def _names_that_kedro_run_cannot_take(compiled: Compiled) -> Iterator[Problem]:
    if compiled.configuration.run["job_command"] != "kedro-run":
        return
    for node in compiled.nodes:
        if not re.fullmatch(r"[\w.-]+", node.name):
            what = "its name can't be given to `kedro run --nodes`, which job_command kedro-run uses."
            yield Problem(f"node '{node.name}'", what, "Rename it or its namespace, or use job_command: job.")


def _edges(project: Project) -> Iterator[tuple[Node, str, Node, str]]:
    """Yield producer, output, consumer and input of what passes between nodes, within any pipeline."""
    for pipeline in project.pipelines.values():
        makers = {base_name(name): (node, name) for node in pipeline.nodes for name in node.outputs}
        for consumer in pipeline.nodes:
            for taken in dict.fromkeys(consumer.inputs):
                if base_name(taken) in makers and not is_parameter(taken):
                    producer, output = makers[base_name(taken)]
                    yield producer, output, consumer, taken


def _groups(compiled: Compiled) -> Iterable[list[Node]]:
    """Return nodes that are sure to share a job. The service may join more of them, to avoid cycles."""
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = key = leader[leader[key]]
        return key

    for node in compiled.nodes:
        for key in _keys(node, compiled):
            leader[find(key)] = find(f"node {node.name}")
    groups: dict[str, list[Node]] = defaultdict(list)
    for node in {node.name: node for node in compiled.nodes}.values():
        groups[find(f"node {node.name}")].append(node)
    return groups.values()


def _keys(node: Node, compiled: Compiled) -> Iterator[str]:
    ways: Sequence[str] = compiled.configuration.run["group_by"]
    if "memory" in ways:
        names = (name for name in [*node.inputs, *node.outputs] if name in compiled.datasets)
        yield from (f"data {base_name(name)}" for name in names if compiled.datasets[name].location == MEMORY)
    if "namespace" in ways and node.namespace:
        yield f"namespace {node.namespace}"
    yield from (f"tag {tag}" for tag in node.tags if f"tag:{tag}" in ways)


def _parameters_that_lose_their_neighbours(project: Project) -> Iterator[Problem]:
    """Warn of Kedro's default: `--params=a.b=1` under an environment with parameters drops the base's `a.c`."""
    arguments = settings.CONFIG_LOADER_ARGS
    soft = (arguments.get("merge_strategy") or {}).get("parameters") == "soft"
    if soft or not issubclass(settings.CONFIG_LOADER_CLASS, OmegaConfigLoader):
        return
    base = base_parameters(project)
    nested = sorted(key for key, value in base.items() if isinstance(value, dict) and len(value) > 1)
    if nested and project.parameters.keys() - base.keys():  # else the environment has no parameters of its own
        keys = f"like {listed(nested, limit=3)}"
        what = f"runtime parameters within others, {keys}, drop what stands beside them in the base environment."
        to_do = 'Add "merge_strategy": {"parameters": "soft"} to CONFIG_LOADER_ARGS.'
        yield Problem("settings.py", what, to_do, warning=True)


def _path(project: Project, path: str | None) -> str:
    return (path or "a database file").removeprefix(f"{project.path.as_posix()}/")


def _parameters(project: Project) -> str:
    return f"parameters of '{project.environment}'"
