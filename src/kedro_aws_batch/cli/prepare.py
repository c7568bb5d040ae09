"""The project for a command: opened, compiled and checked, with the command's parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import read_overrides
from kedro_aws_batch._service.dag.meaning import resumed_request
from kedro_aws_batch._service.dag.preview import plan_of
from kedro_aws_batch._service.dag.reach import beyond
from kedro_aws_batch._service.dag.selection import select
from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening, as_deployed
from kedro_aws_batch.graph.params import lost
from kedro_aws_batch.graph.problems import require_none
from kedro_aws_batch.graph.project import open_project, require_params
from kedro_aws_batch.graph.twice import second_opening
from kedro_aws_batch.graph.varying import varies
from kedro_aws_batch.launch.sources import for_jobs, with_conf_source
from kedro_aws_batch.quiet import stdout_kept_clean

from .options import tell_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kedro_aws_batch._service.dag.document import GraphDocument, Node
    from kedro_aws_batch._service.dag.problems import Problem
    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project
    from kedro_aws_batch.launch.selection import RunOptions, Selection

    from .options import Way


@dataclass(frozen=True)
class Prepared:
    """A compiled project, and what is wrong with it."""

    project: Project
    compiled: Compiled
    problems: list[Problem]


def open_checked(opening: Opening, given: Mapping[str, Any] | None = None, *, thorough: bool = True) -> Prepared:
    """Return a project, opened with these runtime parameters, and check's problems. Nothing goes to stdout.

    If anything in the project may vary between processes, it is opened a second time in another one. If this is not
    `thorough`, only the project's resolvers count for that.
    """
    with stdout_kept_clean():
        if not varies(opening, thorough=thorough):
            project = open_project(opening)
            compiled = compile_project(project)
            return Prepared(project, compiled, check(project, compiled, given))
        with second_opening(opening) as second:
            project = open_project(opening)
            compiled = compile_project(project)
            problems = check(project, compiled, given)
            return Prepared(project, compiled, [*second.problems(project, compiled), *problems])


def prepare_whole(opening: Opening) -> Prepared:
    """Return the project as it is deployed. Raises its problems."""
    prepared = open_checked(opening, {})
    tell_problems(prepared.problems)
    return prepared


def prepare(way: Way, selection: Selection) -> Prepared:
    """Return the project for a run, as it is or would be deployed. Raises its problems.

    `aws_batch` in the run's parameters is applied on top of that, here as on AWS.
    """
    params = as_deployed(selection.params)
    opening = Opening(way.where.environment, params=params, conf_source=way.where.conf_source)
    prepared = open_checked(opening, selection.params, thorough=False)
    require_params(prepared.project)
    tell_problems(prepared.problems)
    return prepared


def request_of(way: Way, prepared: Prepared, selection: Selection, asked: RunOptions) -> dict[str, Any]:
    """Return the request of a run. A local run's jobs use the configuration that the project was opened with."""
    conf_source = None if way.where.local else for_jobs(way.where.conf_source, prepared.project.path)
    return with_conf_source({**selection.request(), **asked.request()}, conf_source)


def service_of(way: Way, prepared: Prepared, selection: Selection) -> str:
    """Return the prefix of the functions' names, for a run on AWS."""
    ours = read_overrides(selection.params)[0].settings.get("service")
    return str(way.where.service or ours or prepared.compiled.configuration.service)


def require_possible(
    way: Way, prepared: Prepared, selection: Selection, asked: RunOptions, earlier: Mapping[str, Any]
) -> None:
    """Raise what the service would refuse, and parameters that nodes would miss.

    Only the service knows which nodes of an earlier run's request a resumed run repeats: then all of them count.
    """
    document = prepared.compiled.read
    request = request_of(way, prepared, selection, asked)
    if not asked.resume_from:
        require_parameters(prepared, (name for group in plan_of(document, request).groups for name in group.nodes))
        return
    overrides, problems = read_overrides(selection.params)
    tell_problems([*problems, *beyond(document, request, overrides.layers)])
    nodes = _resumed_nodes(document, resumed_request(request, earlier))
    require_parameters(prepared, (node.name for node in nodes))


def _resumed_nodes(document: GraphDocument, meant: Mapping[str, Any]) -> list[Node]:
    return select(document, meant.get("pipelines") or [meant.get("pipeline", "__default__")], meant)


def require_parameters(prepared: Prepared, names: Iterable[str]) -> None:
    """Raise the parameters that some of these nodes read and that don't exist."""
    wanted = set(names)
    require_none(lost(prepared.project, (node for node in prepared.compiled.read.nodes if node.name in wanted)))
