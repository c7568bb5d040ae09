"""Every reason why a run of the project would fail on AWS Batch, found before anything is started."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from kedro.framework.project import settings
from kedro.io.core import parse_dataset_definition

from kedro_aws_batch._service.dag.document import base_name, is_parameter
from kedro_aws_batch._service.dag.errors import DagError, InvalidRequestError, did_you_mean
from kedro_aws_batch._service.dag.faults import lost_in_memory
from kedro_aws_batch._service.dag.problems import Problem, listed
from kedro_aws_batch._service.dag.reach import steers

from .config import NO_BUCKET, place
from .datasets import entry
from .entries import listed_by_later_slices, local_credentials, one_place_under_two_names, two_protocols, unreachable
from .params import unread
from .places import MEMORY
from .project import base_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kedro.pipeline.node import Node

    from .compile import Compiled
    from .project import Project

SECRET = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE_KEY|ACCESS_KEY|CREDENTIAL", re.IGNORECASE)


def check(project: Project, compiled: Compiled, given: Mapping[str, Any] | None = None) -> list[Problem]:
    """Return all problems of a project in its environment, errors first.

    With the runtime parameters given, these are checked, too; without, any may follow.
    """
    found = [
        *compiled.problems,
        *_size(compiled.nodes),
        *_unknown_names(project, compiled),
        *_what_runs_would_be_refused_for(compiled),
        *_secrets(compiled),
        *_steering(project, compiled),
        *unreachable(project, compiled),
        *two_protocols(compiled),
        *one_place_under_two_names(project, compiled),
        *listed_by_later_slices(project, compiled),
        *local_credentials(project, compiled),
        *_placeholders(project, compiled),
        *_free_inputs_in_memory(project, compiled),
        *_unusable_types(project, compiled),
        *_parameters_that_lose_their_neighbours(project, given),
        *unread(project, compiled, given or {}),
    ]
    return sorted(dict.fromkeys(found), key=lambda problem: problem.warning)


def _size(nodes: Sequence[Node]) -> Iterator[Problem]:
    if not nodes:
        yield Problem("pipelines", "no pipeline has any nodes.", "Register one in pipeline_registry.py.")


def _unknown_names(project: Project, compiled: Compiled) -> Iterator[Problem]:
    where = place(project.environment)
    yield from compiled.configuration.layers.unknown(compiled.nodes, where)
    tags = {tag for node in compiled.nodes for tag in node.tags}
    for way in compiled.configuration.run["group_by"]:
        tag = way.removeprefix("tag:")
        if way.startswith("tag:") and tag not in tags:
            to_do = did_you_mean(tag, tags).strip()
            yield Problem(f"{where}.group_by", f"no node has the tag '{tag}'.", to_do, warning=True)


def _what_runs_would_be_refused_for(compiled: Compiled) -> Iterator[Problem]:
    """Yield why the service would refuse to run a pipeline, each reason once, in its words.

    A registered pipeline may need others to run: `_free_inputs_in_memory` reports those.
    """
    document = compiled.read
    refused: dict[str, list[str]] = defaultdict(list)
    for name in (name for name, nodes in document.pipelines.items() if nodes):
        try:
            compiled.plan_of(name)
        except DagError as error:
            if isinstance(error, InvalidRequestError) and error.problems:
                nodes = [document.nodes[index] for index in document.pipelines[name]]
                told_otherwise = set(lost_in_memory(document, nodes))
                yield from (problem for problem in error.problems if problem not in told_otherwise)
            else:
                refused[str(error)].append(name)
    for reason, names in refused.items():
        yield Problem(f"pipeline{'s' if len(names) > 1 else ''} {listed(names)}", reason, "")


def _secrets(compiled: Compiled) -> Iterator[Problem]:
    for node in compiled.document["nodes"]:
        for name in node["resources"].get("environment", {}):
            if SECRET.search(name):
                what = f"'{name}' in its environment looks like a secret, and Batch's events show it in plain text."
                yield Problem(f"node '{node['name']}'", what, "Give secrets in the job definition.", warning=True)


def _steering(project: Project, compiled: Compiled) -> Iterator[Problem]:
    """Warn once of each variable that leads a job to other code or configuration."""
    users: dict[str, list[str]] = defaultdict(list)
    for node in compiled.document["nodes"]:
        for name in filter(steers, node["resources"].get("environment", {})):
            users[name].append(node["name"])
    for name, nodes in users.items():
        where = f"node{'s' if len(nodes) > 1 else ''} {listed(nodes)}"
        what = f"'{name}' in the environment can lead the job to other code or configuration than the image's."
        yield Problem(where, what, "Set it in the image if it must be set.", warning=True)
    for name in filter(steers, compiled.configuration.run["request_environment"]):
        what = f"whoever starts runs may set '{name}', and so lead jobs to other code or configuration."
        where = f"{place(project.environment)}.request_environment"
        yield Problem(where, what, "Remove it, unless all of them may run code as the jobs.", warning=True)


def _placeholders(project: Project, compiled: Compiled) -> Iterator[Problem]:
    """Warn of the placeholder bucket that `init` writes without --bucket; a local run accepts it."""
    there = [name for name, dataset in compiled.datasets.items() if _in_placeholder(dataset.path)]
    if there:
        what = f"the bucket is still the placeholder {NO_BUCKET}."
        to_do = f"Name yours in conf/{project.environment}/catalog.yml before you deploy."
        yield Problem(f"dataset{'s' if len(there) > 1 else ''} {listed(there, limit=3)}", what, to_do, warning=True)


def _in_placeholder(path: str | None) -> bool:
    return path is not None and path.startswith(f"s3://{NO_BUCKET}/")


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
                why, to_do = "it is not in the catalog", f"Add it to {file}.{near}"
                if "type" in entry(project.catalog, name) and name in project.catalog:
                    why, to_do = "its entry keeps it in the memory of one process", f"Give it a place in {file}."
                yield Problem(where, f"is read by {readers}, but no node makes it and {why}.", to_do)


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


def _parameters_that_lose_their_neighbours(project: Project, given: Mapping[str, Any] | None) -> Iterator[Problem]:
    """Warn of Kedro's default: `--params=a.b=1` under an environment with parameters drops the base's `a.c`."""
    within = None if given is None else {key for key, value in given.items() if isinstance(value, dict)}
    if within is not None and not within:
        return
    arguments = settings.CONFIG_LOADER_ARGS
    soft = (arguments.get("merge_strategy") or {}).get("parameters") == "soft"
    if soft or not issubclass(settings.CONFIG_LOADER_CLASS, OmegaConfigLoader):
        return
    base = base_parameters(project)
    nested = sorted(key for key, value in base.items() if isinstance(value, dict) and len(value) > 1)
    nested = [key for key in nested if within is None or key in within]
    if nested and project.parameters.keys() - base.keys():  # else the environment has no parameters of its own
        keys = f"like {listed(nested, limit=3)}"
        what = f"nested runtime parameters, {keys}, drop their neighbours in the base environment."
        to_do = 'Add "merge_strategy": {"parameters": "soft"} to CONFIG_LOADER_ARGS.'
        yield Problem("settings.py", what, to_do, warning=True)
