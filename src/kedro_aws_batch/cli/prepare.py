"""The project that a command is about to run: opened, compiled, checked, with all that was asked for in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening, as_deployed
from kedro_aws_batch.graph.project import open_project, require_params
from kedro_aws_batch.launch.selection import require_known
from kedro_aws_batch.quiet import stdout_kept_clean

from .options import refuse

if TYPE_CHECKING:
    from kedro_aws_batch._service.dag.problems import Problem
    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project
    from kedro_aws_batch.launch.selection import Selection

    from .options import Way


@dataclass(frozen=True)
class Prepared:
    """A project, compiled, and what is wrong with it."""

    project: Project
    compiled: Compiled
    problems: list[Problem]


def open_checked(opening: Opening) -> Prepared:
    """Return a project and what check finds; nothing that it prints reaches stdout."""
    with stdout_kept_clean():
        project = open_project(opening)
        compiled = compile_project(project)
        return Prepared(project, compiled, check(project, compiled))


def prepare_whole(opening: Opening) -> Prepared:
    """Return the project as it is deployed. Raises what is wrong with it."""
    prepared = open_checked(opening)
    refuse(prepared.problems)
    return prepared


def prepare(way: Way, selection: Selection) -> Prepared:
    """Return the project for a run. Raises what is wrong with it, or the first name that it doesn't have."""
    params = selection.params if way.where.local else as_deployed(selection.params)
    prepared = open_checked(Opening(way.where.environment, params=params, conf_source=way.where.conf_source))
    require_params(prepared.project)
    require_known(selection, prepared.compiled)
    refuse(prepared.problems)
    return prepared
