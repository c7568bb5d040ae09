"""Does `kedro aws-batch run`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch.launch.commands import Commands
from kedro_aws_batch.launch.execution import INTERRUPTED
from kedro_aws_batch.launch.local import LocalRun, run_locally
from kedro_aws_batch.launch.missing import only_missing
from kedro_aws_batch.launch.own_keys import own_keys
from kedro_aws_batch.launch.remote import RemoteRun, rehearse_on_aws, run_on_aws
from kedro_aws_batch.launch.selection import inputs_of
from kedro_aws_batch.launch.stored import stored_for
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.show.display import Display, stdout_console

from .filters import merged
from .prepare import prepare, request_of, require_possible, service_of
from .service import runs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project
    from kedro_aws_batch.launch.selection import RunOptions, Selection

    from .options import Way
    from .prepare import Prepared


def run(way: Way, selection: Selection, asked: RunOptions) -> int:
    """Run the selection with these options, and return the exit code.

    What takes seconds is told beforehand, on stderr.
    """
    click.echo(f"Opening the project in environment '{way.where.environment}'…", err=True)
    earlier = {} if asked.resume_from is None else runs_of(way.where).request_of(asked.resume_from)
    selection = replace(selection, params=merged(earlier.get("params", {}), selection.params))
    prepared = prepare(way, selection)
    require_possible(way, prepared, selection, asked, earlier)
    wanted = ToRun(selection=selection, asked=asked, earlier=earlier)
    start = _run_locally if way.where.local else _run_on_aws
    try:
        return start(way, wanted, prepared)
    except KeyboardInterrupt:  # before there was a run to leave or to cancel, or twice
        click.echo("Interrupted.", err=True)
        return INTERRUPTED


@dataclass(frozen=True)
class ToRun:
    """A run that is to start."""

    selection: Selection
    asked: RunOptions
    earlier: Mapping[str, Any]  #: the request of the run that it resumes


def _run_on_aws(way: Way, wanted: ToRun, prepared: Prepared) -> int:
    project, compiled, selection = prepared.project, prepared.compiled, wanted.selection
    display = _display(compiled)
    narrowed = _narrowed(way, project)(selection)
    if narrowed is None:
        display.note("All outputs exist: nothing to run.")
        return 0
    request = request_of(way, prepared, narrowed, wanted.asked)
    stored = stored_for(project, compiled.read, request, wanted.earlier)
    if wanted.asked.resume_from:
        for line in stored.notes():
            display.note(line)
    remote = RemoteRun(
        service=service_of(way, prepared, selection),
        document=compiled.document,
        request={**request, **stored.request()},
        commands=Commands(way.where.environment),
    )
    return rehearse_on_aws(remote, display) if way.dry_run else run_on_aws(remote, display, way.wait).exit_code


def _run_locally(way: Way, wanted: ToRun, prepared: Prepared) -> int:
    project, compiled, selection = prepared.project, prepared.compiled, wanted.selection
    click.echo("Starting the embedded AWS on this machine…", err=True)
    local = LocalRun(
        project=project,
        compiled=compiled,
        selection=selection,
        asked=wanted.asked,
        earlier=wanted.earlier,
        narrow=_narrowed(way, project),
        needed=inputs_of(selection, compiled),
        commands=Commands(way.where.environment, local=True),
        fresh=way.fresh,
        dry_run=way.dry_run,
        s3_keys=own_keys(project.catalog, compiled.datasets),
        start_seconds=way.start_seconds,
    )
    return run_locally(local, _display(compiled))


def _display(compiled: Compiled) -> Display:
    return Display(stdout_console(), compiled.configuration.price_list)


def _narrowed(way: Way, project: Project) -> Callable[[Selection], Selection | None]:
    """Return a function that narrows a selection to missing outputs, if asked for, once datasets can be read."""

    def narrow(selection: Selection) -> Selection | None:
        with stdout_kept_clean():
            return only_missing(selection, project)

    return narrow if way.only_missing else lambda selection: selection
