"""`kedro aws-batch run`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch.graph.project import Opening
from kedro_aws_batch.launch.commands import Commands
from kedro_aws_batch.launch.execution import INTERRUPTED
from kedro_aws_batch.launch.selection import Selection, inputs_of, require_known
from kedro_aws_batch.launch.sources import for_jobs, with_conf_source
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.show.progress import View, stdout_console

from .filters import filter_options, parameter_options, read_params
from .options import conf_source_option, environment_option, on_failure_option, refuse, service_option

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project


@dataclass(frozen=True)
class Way:
    """Where and how to run."""

    local: bool
    fresh: bool
    wait: bool
    environment: str
    conf_source: str | None
    service: str | None
    only_missing: bool


@click.command("run")
@click.option("--local", is_flag=True, help="On this machine, on an embedded AWS: no account, no Docker.")
@click.option("--fresh", is_flag=True, help="With --local: forget what earlier runs left on the embedded S3.")
@filter_options
@parameter_options
@environment_option()
@conf_source_option()
@service_option()
@click.option("--max-workers", type=click.IntRange(min=1), help="The most jobs in flight at once.")
@on_failure_option()
@click.option("--resume-from", metavar="RUN_ID", help="Run what that run did not finish, on what it did.")
@click.option("--description", help="A note that is shown with the run.")
@click.option("--detach/--wait", " /--no-wait", "detach", help="Start the run on AWS, and don't show it until it ends.")
@click.option("--dry-run", is_flag=True, help="Say what would run, in which jobs and order, and submit nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: as JSON.")
def command(dry_run: bool, as_json: bool, detach: bool, params_file: Path | None, **given: Any) -> None:
    """Run pipelines, one job for each node or group of nodes.

    Checks the project first. Exits with 0 if all jobs succeeded, 1 if not, 130 if interrupted: Ctrl-C cancels a local
    run, and leaves one on AWS, which goes on.

    \b
    Examples:
      kedro aws-batch run --local
      kedro aws-batch run --local --tags=training --params=model.rate=0.1
      kedro aws-batch run --pipelines=data_science --detach
      kedro aws-batch run --from-nodes=train_model_node --dry-run
      kedro aws-batch run --params-file=experiment.yml --only-missing-outputs
    """
    way = Way(
        local=given.pop("local"),
        fresh=given.pop("fresh"),
        wait=not detach,
        environment=given.pop("environment"),
        conf_source=given.pop("conf_source"),
        service=given.pop("service"),
        only_missing=given.pop("only_missing_outputs"),
    )
    _refuse_contradictions(way, given["resume_from"], dry_run, as_json)
    given["params"] = read_params(params_file, given["params"])
    selection = Selection(**{name: given.pop(name) for name in Selection.__dataclass_fields__})
    asked = {key: value for key, value in given.items() if value is not None}
    if dry_run:
        from .dry_run import show  # noqa: PLC0415

        show(way, selection, asked, as_json)
        return
    raise SystemExit(launch(way, selection, asked))


def launch(way: Way, selection: Selection, asked: dict[str, Any]) -> int:
    """Run what is selected, with what else is asked of the run, and return the exit code."""
    project, compiled = prepare(way, selection)
    run = _run_locally if way.local else _run_on_aws
    try:
        return run(way, selection, asked, (project, compiled))
    except KeyboardInterrupt:  # before there was a run to leave or to cancel, or twice
        click.echo("Interrupted.", err=True)
        return INTERRUPTED


def prepare(way: Way, selection: Selection) -> tuple[Project, Compiled]:
    """Return the project, compiled, checked and with all that was asked for in it."""
    from kedro_aws_batch.graph.check import check  # noqa: PLC0415
    from kedro_aws_batch.graph.compile import compile_project  # noqa: PLC0415
    from kedro_aws_batch.graph.project import open_project  # noqa: PLC0415

    params = selection.params if way.local else None  # what is deployed was compiled without
    with stdout_kept_clean():
        project = open_project(Opening(way.environment, params=params, conf_source=way.conf_source))
        compiled = compile_project(project)
        problems = check(project, compiled)
    require_known(selection, compiled)
    refuse(problems)
    return project, compiled


def _run_on_aws(way: Way, selection: Selection, asked: dict[str, Any], what: tuple[Project, Compiled]) -> int:
    from kedro_aws_batch.launch.remote import RemoteRun, run_on_aws  # noqa: PLC0415

    project, compiled = what
    view = _view(compiled)
    narrowed = _narrowed(way, project)(selection)
    if narrowed is None:
        view.note("All outputs are there: nothing to run.")
        return 0
    request = with_conf_source({**narrowed.request(), **asked}, for_jobs(way.conf_source, project.path))
    prefix = way.service or (selection.params.get("aws_batch") or {}).get("service") or compiled.configuration.service
    run = RemoteRun(str(prefix), compiled.document, request, Commands(way.environment))
    return run_on_aws(run, view, way.wait).exit_code


def _run_locally(way: Way, selection: Selection, asked: dict[str, Any], what: tuple[Project, Compiled]) -> int:
    from kedro_aws_batch.launch.local import LocalRun, run_locally  # noqa: PLC0415

    project, compiled = what
    run = LocalRun(
        project.path,
        compiled,
        (selection, asked, _narrowed(way, project)),
        inputs_of(selection, compiled),
        Commands(way.environment, local=True),
        way.conf_source,
        way.fresh,
    )
    return run_locally(run, _view(compiled))


def _view(compiled: Compiled) -> View:
    from kedro_aws_batch.prices import prices_of  # noqa: PLC0415

    return View(stdout_console(), prices_of(compiled.configuration))


def _narrowed(way: Way, project: Project) -> Callable[[Selection], Selection | None]:
    """Return what narrows a selection to what is missing, if that was asked for, once datasets can be looked at."""

    def narrow(selection: Selection) -> Selection | None:
        from kedro_aws_batch.launch.missing import only_missing  # noqa: PLC0415

        with stdout_kept_clean():
            return only_missing(selection, project)

    return narrow if way.only_missing else lambda selection: selection


def _refuse_contradictions(way: Way, resume_from: str | None, dry_run: bool, as_json: bool) -> None:
    if way.fresh and (not way.local or resume_from):
        raise click.UsageError("--fresh forgets earlier local runs: it goes with --local, and not with --resume-from.")
    if way.local and not way.wait:
        raise click.UsageError("--detach is for runs on AWS: a local run ends with the command that runs it.")
    if dry_run and (resume_from or way.only_missing):
        raise click.UsageError(
            "--dry-run asks nobody what is done: it goes without --resume-from and --only-missing-outputs."
        )
    if as_json and not dry_run:
        raise click.UsageError("--json goes with --dry-run; `kedro aws-batch status --json` reports a run.")
