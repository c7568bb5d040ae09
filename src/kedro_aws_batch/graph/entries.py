"""What is wrong with catalog entries: where their data lies, and what that means for separate jobs."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.document import base_name, is_parameter
from kedro_aws_batch._service.dag.errors import DagError
from kedro_aws_batch._service.dag.problems import Problem, listed

from .datasets import entry
from .places import LOCAL, MEMORY, TABLE, credentials_within, files_of_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro.pipeline import Pipeline

    from kedro_aws_batch._service.dag.plan import Plan

    from .compile import Compiled
    from .datasets import CatalogDataset
    from .places import DataPlace
    from .project import Project


#: A link of a path with a second protocol; the URL of a web archive may hold another URL.
_TWO_PROTOCOLS = re.compile(r"(?!https?:)[\w+.-]+://[^?]*://")
#: Up to so many datasets below one folder are a problem each.
MOST_ONE_BY_ONE = 5


def unreachable(project: Project, compiled: Compiled) -> Iterator[Problem]:
    """Yield the datasets with a part on this machine; many below one folder are one problem."""
    here = {name: dataset for name, dataset in compiled.datasets.items() if dataset.location == LOCAL}
    folders: dict[str, list[str]] = defaultdict(list)
    for name, dataset in here.items():
        folders[_shown(project, dataset).partition("/")[0]].append(name)
    for folder, names in folders.items():
        if len(names) > MOST_ONE_BY_ONE:
            yield Problem(
                f"{len(names):,} datasets, {listed(names, limit=3)}",
                f"lie on this machine (below {folder or '/'}), which jobs can't reach.",
                f"Give them paths on S3 in conf/{project.environment}/catalog.yml. If their paths begin with a global, "
                f"set that in conf/{project.environment}/globals.yml. `kedro aws-batch init` does both.",
            )
            continue
        for name, dataset in ((name, here[name]) for name in names):
            yield Problem(
                f"dataset '{name}'",
                f"lies on this machine ({_shown(project, dataset)}), which jobs can't reach.",
                f"Give it a path on S3 in conf/{project.environment}/catalog.yml, or name a folder that every job sees "
                "in aws_batch.shared_paths.",
            )


def two_protocols(compiled: Compiled) -> Iterator[Problem]:
    """Yield the datasets with a path like `s3://s3://…`, which a global with a protocol makes."""
    for name, dataset in compiled.datasets.items():
        for place in dataset.places:
            if not place.is_secret and any(map(_TWO_PROTOCOLS.match, place.path.split("::"))):
                what = f"its path '{place.path}' has two protocols."
                yield Problem(f"dataset '{name}'", what, "Write one: look at the globals that the path is made of.")


def local_credentials(project: Project, compiled: Compiled) -> Iterator[Problem]:
    """Warn of datasets whose credentials name files of this machine."""
    made = getattr(project.catalog, "_datasets", {})
    for name, dataset in compiled.datasets.items():
        if name in made or dataset.location in (LOCAL, MEMORY):
            continue
        told = credentials_within(entry(project.catalog, name))
        keys = list(dict.fromkeys(key for one in told for key in files_of_credentials(one, project.path)))
        if keys:
            what = f"its credentials name a file of this machine ({listed(keys)})."
            to_do = "Make sure that jobs find it at the same place, or put the secret into the job definition."
            yield Problem(f"dataset '{name}'", what, to_do, warning=True)


def not_looked_into(compiled: Compiled) -> dict[str, tuple[str, ...]]:
    """Return the datasets of types that only their authors know, and the keys that may name a local place."""
    return {name: dataset.unclear for name, dataset in compiled.datasets.items() if not dataset.seen}


@dataclass(frozen=True)
class _Shared:
    """Two datasets in one place, and the nodes that use them."""

    names: tuple[str, str]
    path: str

    def meetings(self, pipeline: Pipeline) -> Iterator[tuple[str, str, str]]:
        """Yield the node that writes one of them, the node that uses the other, and whether that reads or writes it."""
        for mine, others in (self.names, self.names[::-1]):
            for writer in pipeline.nodes:
                if mine in writer.outputs:
                    for other in pipeline.nodes:
                        if other is not writer and others in (*other.inputs, *other.outputs):
                            yield writer.name, other.name, "reads" if others in other.inputs else "writes"


def one_place_under_two_names(project: Project, compiled: Compiled) -> Iterator[Problem]:
    """Yield datasets in one place, if a job may write it while, before or after another one reads it.

    In one process Kedro has some order for the two nodes. Jobs have none, unless data leads from one to the other.
    """
    told: set[frozenset[str]] = set()
    for name, pipeline in project.pipelines.items():
        shared = [each for each in _shared(compiled, pipeline) if any(each.meetings(pipeline))]
        plan = plan_of_pipeline(compiled, name) if shared else None
        for each in shared:
            for writer, other, does in each.meetings(pipeline):
                pair = frozenset((writer, other, *each.names))
                if plan is not None and pair not in told and not _in_order(plan, writer, other):
                    told.add(pair)
                    yield _unordered(project, each, (writer, other), does)


def _unordered(project: Project, shared: _Shared, nodes: tuple[str, str], does: str) -> Problem:
    one, other = shared.names
    table = shared.path.startswith(TABLE)
    place = shared.path.rpartition(" in ")[0] if table else shared.path.removeprefix(f"{project.path.as_posix()}/")
    return Problem(
        f"datasets '{one}' and '{other}'",
        f"lie in one place ({place}): '{nodes[0]}' writes it, '{nodes[1]}' {does} it, and no data leads from one to "
        "the other, so their jobs may run in either order, or at once.",
        f"Let both name one dataset ('{base_name(one)}@one' and '{base_name(one)}@two' if it is of two types), or "
        "keep them in two places.",
        warning=table,  # several nodes may append to it, in any order
    )


def listed_by_later_slices(project: Project, compiled: Compiled) -> Iterator[Problem]:
    """Yield split nodes that write where they list: a later slice would take that for partitions of its input."""
    told: set[tuple[str, str]] = set()
    for name, pipeline in project.pipelines.items():
        shared = {frozenset(each.names): each.path for each in _shared(compiled, pipeline)}
        plan = plan_of_pipeline(compiled, name) if shared else None
        split = {node: group.part for group in (plan.groups if plan else ()) if group.part for node in group.nodes}
        for node in (node for node in pipeline.nodes if node.name in split):
            part = split[node.name]
            kept = None if node.name in part.new_ids else part.over[node.name]  # in one place, a slice keeps to its ids
            for output, read in product(node.outputs, dict.fromkeys(node.inputs)):
                path = shared.get(frozenset((read, output)))
                if path is None or (node.name, output) in told or not _lists(project, read, output):
                    continue
                above, below = (of.normal for one in (read, output) if (of := compiled.datasets[one].place))
                if below == path and (read != kept or above != below):
                    told.add((node.name, output))
                    yield Problem(
                        f"node '{node.name}'",
                        f"is split and writes '{output}' into the folder of '{read}': a slice that begins later would "
                        f"take that for partitions of '{read}'.",
                        f"Give '{output}' a folder outside of it, or '{read}' a filename_suffix of its own.",
                    )


def _lists(project: Project, read: str, output: str) -> bool:
    """Whether a partitioned dataset's suffix lets it list what another saves."""
    suffixes = (str(entry(project.catalog, name).get("filename_suffix") or "") for name in (output, read))
    return next(suffixes).endswith(next(suffixes))


def _shared(compiled: Compiled, pipeline: Pipeline) -> Iterator[_Shared]:
    """Yield pairs of a pipeline's datasets in one place; two that differ only in transcoding are one."""
    found: dict[str, list[str]] = defaultdict(list)
    folders: dict[str, str] = {}
    for name in sorted(name for name in pipeline.datasets() if not is_parameter(name)):
        dataset = compiled.datasets[name]
        place = dataset.place
        if dataset.location == MEMORY:
            continue
        if dataset.table is not None:
            found[dataset.table].append(name)
        if place is not None and not place.is_secret:
            found[place.normal].append(name)
            if place.key.rpartition(".")[2] == "path":
                folders[place.normal] = name
    for path, names in found.items():
        yield from (_Shared(pair, path) for pair in combinations(names, 2) if base_name(pair[0]) != base_name(pair[1]))
        for folder in _folders_above(path):
            if folder in folders:
                yield from (_Shared((folders[folder], name), path) for name in names)


def _folders_above(path: str) -> Iterator[str]:
    while "/" in path.partition("://")[2] or ("://" not in path and path.count("/") > 1):
        path = path.rpartition("/")[0]
        yield path


def plan_of_pipeline(compiled: Compiled, pipeline: str) -> Plan | None:
    """Return the plan of a run of a pipeline; None if it can't run."""
    try:
        return compiled.plan_of(pipeline)
    except DagError:  # another check reports it
        return None


def _in_order(plan: Plan, one: str, other: str) -> bool:
    """Whether two nodes share a job, which Kedro orders, or one's job, or each of its slices, waits for the other's."""
    homes = sorted(index for index, group in enumerate(plan.groups) if not {one, other}.isdisjoint(group.nodes))
    first, last = homes[0], homes[-1]
    reached = {last}
    for index in range(last, first, -1):
        if index in reached:
            reached.update(plan.groups[index].parents)
    return first in reached


def _shown(project: Project, dataset: CatalogDataset) -> str:
    place: DataPlace | None = dataset.place
    if place is None or place.is_secret:
        return "a database file"
    path = place.path.removeprefix(f"{project.path.as_posix()}/")
    return path if "." not in place.key else f"{place.key}: {path}"
