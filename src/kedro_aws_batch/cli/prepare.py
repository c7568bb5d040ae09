"""The project that a command is about to run: opened, compiled, checked, with all that was asked for in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.configuration import read_overrides
from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch._service.dag.preview import plan_of
from kedro_aws_batch._service.dag.reach import beyond
from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening, as_deployed
from kedro_aws_batch.graph.project import open_project, require_params
from kedro_aws_batch.graph.twice import second_opening, varies
from kedro_aws_batch.launch.sources import for_jobs, with_conf_source
from kedro_aws_batch.quiet import stdout_kept_clean

from .options import tell_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch._service.dag.problems import Problem
    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project
    from kedro_aws_batch.launch.selection import RunOptions, Selection

    from .options import Way


@dataclass(frozen=True)
class Prepared:
    """A project, compiled, and what is wrong with it."""

    project: Project
    compiled: Compiled
    problems: list[Problem]


def open_checked(opening: Opening, given: Mapping[str, Any] | None = None, *, thorough: bool = True) -> Prepared:
    """Return a project and what check finds, for the runtime parameters that are given; nothing reaches stdout.

    Where anything in the project may vary between processes, it is opened a second time in another one. Unless this is
    to be thorough, only what the project resolves its configuration by counts as such.
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
    """Return the project as it is deployed. Raises what is wrong with it."""
    prepared = open_checked(opening, {})
    tell_problems(prepared.problems)
    return prepared


def prepare(way: Way, selection: Selection) -> Prepared:
    """Return the project for a run, as it is or would be deployed. Raises what is wrong with it.

    What is in `aws_batch` of the run's parameters goes on top of that, here as on AWS.
    """
    params = as_deployed(selection.params)
    opening = Opening(way.where.environment, params=params, conf_source=way.where.conf_source)
    prepared = open_checked(opening, selection.params, thorough=False)
    require_params(prepared.project)
    tell_problems(prepared.problems)
    return prepared


def request_of(way: Way, prepared: Prepared, selection: Selection, asked: RunOptions) -> dict[str, Any]:
    """Return the request of a run. Jobs of a local one are configured from where the project was opened anyway."""
    conf_source = None if way.where.local else for_jobs(way.where.conf_source, prepared.project.path)
    return with_conf_source({**selection.request(), **asked.request()}, conf_source)


def require_possible(way: Way, prepared: Prepared, selection: Selection, asked: RunOptions) -> None:
    """Raise what the service would refuse of a run. Which nodes a resumed run has only the service can tell."""
    document = read_document(json.dumps(prepared.compiled.document))
    request = request_of(way, prepared, selection, asked)
    if asked.resume_from:
        overrides, problems = read_overrides(selection.params)
        tell_problems([*problems, *beyond(document, request, overrides.layers)])
        return
    plan_of(document, request)
