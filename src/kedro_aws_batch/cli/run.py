"""`kedro aws-batch run`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.cli.utils import _split_params, split_node_names, split_string

from kedro_aws_batch.launch.execution import INTERRUPTED
from kedro_aws_batch.launch.local import LocalRun, run_locally
from kedro_aws_batch.launch.progress import View, stdout_console
from kedro_aws_batch.launch.remote import run_on_aws
from kedro_aws_batch.launch.selection import Selection, inputs_of, require_known
from kedro_aws_batch.project import ENVIRONMENT, Opening
from kedro_aws_batch.quiet import stdout_kept_clean

from .options import conf_source_option, environment_option, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro_aws_batch.compile import Compiled
    from kedro_aws_batch.project import Project

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _filter(*names: str, parse: Any = split_string, text: str) -> Decorator:
    return click.option(*names, default="", callback=parse, metavar="NAMES", help=text)


@click.command("run")
@click.option("--local", is_flag=True, help="On this machine, on an embedded AWS: no account, no Docker.")
@click.option("--fresh", is_flag=True, help="With --local: forget what earlier runs left on the embedded S3.")
@_filter("-p", "--pipelines", text="Pipelines to run; else __default__.")
@_filter("-n", "--nodes", parse=split_node_names, text="Only these nodes.")
@_filter("--from-nodes", parse=split_node_names, text="These nodes and what follows them.")
@_filter("--to-nodes", parse=split_node_names, text="These nodes and what leads to them.")
@_filter("--from-inputs", text="What follows from these datasets.")
@_filter("--to-outputs", text="What leads to these datasets.")
@_filter("-t", "--tags", text="Nodes with any of these tags.")
@_filter("-ns", "--namespaces", parse=split_node_names, text="Nodes in these namespaces.")
@click.option("--params", type=click.UNPROCESSED, default="", callback=_split_params, help="Parameters: a=1,b.c=2.")
@environment_option()
@click.option("--max-workers", type=click.IntRange(min=1), help="The most jobs in flight at once.")
@click.option("--on-failure", type=click.Choice(["abort", "drain", "continue"]), help="What to do when a job fails.")
@click.option("--resume-from", metavar="RUN_ID", help="Run what that run did not finish, on what it did.")
@click.option("--description", help="A note that is shown with the run.")
@click.option("--wait/--no-wait", default=True, help="On AWS: whether to show the run until it ends.")
@conf_source_option()
def command(local: bool, fresh: bool, environment: str, wait: bool, conf_source: str | None, **given: Any) -> None:
    """Run pipelines, one job for each node or group of nodes; Ctrl-C cancels the run.

    Checks the project first. Exits with 0 if all jobs succeeded, 1 if not, 130 if interrupted.

    \b
    Examples:
      kedro aws-batch run --local
      kedro aws-batch run --local --tags=training --params=model.rate=0.1
      kedro aws-batch run --local --resume-from=2026-11-22T13.11.00.123Z
      kedro aws-batch run --pipelines=data_science --no-wait
    """
    if fresh and (not local or given["resume_from"]):
        raise click.UsageError("--fresh forgets earlier local runs: it goes with --local, and not with --resume-from.")
    selection = Selection(**{name: _frozen(given.pop(name)) for name in Selection.__dataclass_fields__})
    request = {**selection.request(), **{key: value for key, value in given.items() if value is not None}}
    source = Opening(environment, params=selection.params if local else None, conf_source=conf_source)
    project, compiled = _prepare(source, selection)
    view = View(stdout_console())
    if not local:
        request["graph_digest"] = compiled.document["digest"]
        service, resume = compiled.configuration.service, _resume(environment)
        raise SystemExit(_interruptible(lambda: run_on_aws(service, request, resume, view, wait)))
    needed = inputs_of(selection, compiled)
    run = LocalRun(project.path, compiled, request, needed, _resume(environment, "--local"), conf_source, fresh)
    raise SystemExit(_interruptible(lambda: run_locally(run, view)))


def _interruptible(run: Callable[[], int]) -> int:
    """Return an exit code, 130 when interrupted before there was a run to cancel, or twice."""
    try:
        return run()
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        return INTERRUPTED


def _prepare(opening: Opening, selection: Selection) -> tuple[Project, Compiled]:
    """Return the project, compiled, checked and with all that was asked for in it."""
    from kedro_aws_batch.check import check  # noqa: PLC0415
    from kedro_aws_batch.compile import compile_project  # noqa: PLC0415
    from kedro_aws_batch.project import open_project  # noqa: PLC0415

    with stdout_kept_clean():
        project = open_project(opening)
        compiled = compile_project(project)
        problems = check(project, compiled)
    require_known(selection, compiled)
    refuse(problems)
    return project, compiled


def _resume(environment: str, *words: str) -> str:
    """Return the command that resumes a run, with `{run_id}` where that goes."""
    other = [] if environment == ENVIRONMENT else [f"--env={environment}"]
    command = shlex.join(["kedro", "aws-batch", "run", *words, *other])
    return command.replace("{", "{{").replace("}", "}}") + " --resume-from={run_id}"


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
