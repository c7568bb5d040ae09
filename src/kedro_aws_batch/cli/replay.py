"""Does `kedro aws-batch replay`."""

from __future__ import annotations

import os
import pdb
import sys
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kedro_aws_batch._service.dag import variables
from kedro_aws_batch._service.dag.document import base_name
from kedro_aws_batch._service.dag.status import GroupStatus
from kedro_aws_batch.client import Service
from kedro_aws_batch.container.aside import Aside
from kedro_aws_batch.container.failing import Whereabouts, at_the_project_s_own, explain_failure
from kedro_aws_batch.container.payload import Payload
from kedro_aws_batch.container.session import run_payload
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.files import OWN_FOLDER, file_name, write_atomically
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening, as_deployed
from kedro_aws_batch.graph.places import MEMORY
from kedro_aws_batch.graph.project import ignore_known_warnings, open_project
from kedro_aws_batch.launch.local import LocalRun, kept_data
from kedro_aws_batch.launch.own_keys import own_keys
from kedro_aws_batch.launch.runs import find_run
from kedro_aws_batch.launch.selection import RunOptions, Selection
from kedro_aws_batch.launch.sources import for_jobs
from kedro_aws_batch.quiet import stdout_kept_clean

from .logs import groups_of
from .service import runs_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project

    from .options import Where

#: Where replays save their outputs by default, below the project.
FOLDER = f"{OWN_FOLDER}/replay"


@dataclass(frozen=True)
class Replay:
    """A node of a run, to run here."""

    where: Where
    project: Project
    compiled: Compiled
    state: RunState
    group: GroupState
    node: str
    #: The folder for its outputs.
    output: Path

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return the nodes to run: this one, and those of its job that pass it data in memory."""
        return _with_givers(self.node, self.group.nodes, self.compiled)

    def payload(self) -> Payload:
        """Return the payload of its job, for these nodes."""
        return Payload(
            run_id=self.state.run_id,
            nodes=self.nodes,
            environment=self.project.environment,
            pipelines=self.state.pipelines or ("__default__",),
            params=self.state.request.get("params") or {},
            load_versions=self.group.load_versions,
            conf_source=for_jobs(self.where.conf_source, self.project.path),
        )


def replay(where: Where, run: str | None, node: str, output: Path | None, debug: bool) -> int:
    """Run a node of a run here, and return the exit code."""
    runs = runs_of(where)
    state = runs.describe_run(find_run(runs, run))
    group, *others = groups_of(state, node)
    if others:
        raise KedroAwsBatchError(f"Run {state.run_id} ran '{node}' in slices, which can't be replayed yet.")
    opening = Opening(
        state.environment or where.environment,
        params=as_deployed(state.request.get("params") or {}),
        conf_source=where.conf_source,
    )
    with stdout_kept_clean():
        project = open_project(opening)
        compiled = compile_project(project)
    folder = output or project.path / FOLDER / state.run_id / file_name(node)
    asked = Replay(
        where=where, project=project, compiled=compiled, state=state, group=group, node=node, output=folder.absolute()
    )
    _require_known(asked)
    _announce(asked)
    with nullcontext() if isinstance(runs, Service) else _local_data(asked):
        return _run(asked, debug)


def _require_known(asked: Replay) -> None:
    """Raise if the project here has no such node."""
    if asked.node not in {node.name for node in asked.compiled.nodes}:
        raise KedroAwsBatchError(
            f"The project here has no node '{asked.node}', which run {asked.state.run_id} had: check out the code of "
            "that run."
        )


def _announce(asked: Replay) -> None:
    """Print what runs, how it differs from the run, and where its outputs go."""
    state, others = asked.state, [name for name in asked.nodes if name != asked.node]
    why = f": {asked.group.why}" if asked.group.why else ""
    click.echo(f"Replaying '{asked.node}' of run {state.run_id}, where it {_was(asked.group)}{why}", err=True)
    if others:
        click.echo(f"With the nodes that pass it data in memory: {', '.join(others)}", err=True)
    if state.graph_digest and state.graph_digest != asked.compiled.document["digest"]:
        click.echo("The pipelines or settings here differ from that run's, so the result may differ, too.", err=True)
    asked.output.mkdir(parents=True, exist_ok=True)
    if asked.output.is_relative_to(asked.project.path / FOLDER):
        write_atomically(asked.project.path / FOLDER / ".gitignore", b"*\n")


def _was(group: GroupState) -> str:
    """Return what became of a job, as a verb."""
    return group.status if group.status in {GroupStatus.SUCCEEDED, GroupStatus.FAILED} else f"was {group.status}"


def _local_data(asked: Replay) -> AbstractContextManager[None]:
    run = LocalRun(
        project=asked.project,
        compiled=asked.compiled,
        selection=Selection(params=asked.state.request.get("params") or {}),
        asked=RunOptions(),
        narrow=lambda selection: selection,
        needed=(),
        commands=asked.where.commands,
        s3_keys=own_keys(asked.project.catalog, asked.compiled.datasets),
    )
    return kept_data(run)


def _run(asked: Replay, debug: bool) -> int:
    at, aside = Whereabouts(), Aside(asked.output, _passed(asked.nodes, asked.compiled))
    os.environ[variables.NO_TELEMETRY] = "1"
    try:
        with warnings.catch_warnings():
            ignore_known_warnings()
            run_payload(asked.project.path, asked.payload(), at, aside)
    except KedroAwsBatchError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a node that calls sys.exit(0) has not done its work)
        _require_made(asked, aside.loading, error)
        explain_failure(error, at.node, asked.project.path)
        if debug:
            pdb.post_mortem(at_the_project_s_own(error.__traceback__, asked.project.path))
        return 1
    _say_what_was_kept(aside)
    return 0


def _require_made(asked: Replay, name: str | None, error: BaseException) -> None:
    """Raise if a dataset could not be loaded since the run never made it. What an earlier run left there does load."""
    if name is None:
        return
    makers = {base_name(output): node.name for node in asked.compiled.nodes for output in node.outputs}
    maker = makers.get(base_name(name), "")
    groups = [group for group in asked.state.groups if maker in group.nodes and group.index != asked.group.index]
    if groups and groups[0].status != GroupStatus.SUCCEEDED:
        again = asked.where.commands.to("replay", asked.state.run_id, maker)
        raise KedroAwsBatchError(
            f"The input '{name}' of '{asked.node}' was never made in run {asked.state.run_id}, where '{maker}' "
            f"{_was(groups[0])}. Replay the node that makes it: {again}"
        ) from error


def _say_what_was_kept(aside: Aside) -> None:
    sys.stdout.flush()
    for one in sorted(aside.saved):
        click.echo(f"Saved: {os.path.relpath(one)}")
    for lost in aside.lost:
        click.echo(f"Not kept: {lost}", err=True)


def _passed(names: Collection[str], compiled: Compiled) -> frozenset[str]:
    """Return the datasets in memory that some of these nodes read from others."""
    nodes = [node for node in compiled.nodes if node.name in names]
    made, read = ({name for node in nodes for name in getattr(node, which)} for which in ("outputs", "inputs"))
    return frozenset(name for name in made & read if compiled.datasets[name].location == MEMORY)


def _with_givers(node: str, group: Collection[str], compiled: Compiled) -> tuple[str, ...]:
    """Return a node, preceded by the nodes of its job that it needs data from in memory."""
    members = {each.name: each for each in compiled.nodes if each.name in group}
    makers = {name: each.name for each in members.values() for name in each.outputs}
    found, waiting = [node], [node]
    while waiting:
        for name in members[waiting.pop()].inputs:
            maker = makers.get(name)
            if maker and maker not in found and compiled.datasets[name].location == MEMORY:
                found.append(maker)
                waiting.append(maker)
    return tuple(reversed(found))
