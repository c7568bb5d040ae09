"""Options and outputs that several commands share."""

from __future__ import annotations

import functools
import os
import time
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from kedro_aws_batch._service.dag.status import OnFailure
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.graph.problems import require_none
from kedro_aws_batch.launch.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from kedro_aws_batch._service.dag.problems import Problem

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Where:
    """Where runs are: on AWS, or in the project's local state."""

    local: bool
    environment: str
    conf_source: str | None
    service: str | None

    @property
    def commands(self) -> Commands:
        """Return the commands that reach the same runs."""
        return Commands(self.environment, self.local)


@dataclass(frozen=True)
class Way:
    """How a run is started and followed."""

    where: Where
    #: Whether to show it until it has ended.
    wait: bool
    #: Whether to forget the state of earlier local runs.
    fresh: bool = False
    #: Whether to run only nodes whose outputs don't exist.
    only_missing: bool = False
    #: How long each job of a local run takes to start.
    start_seconds: float = 0
    #: Whether to say only what would run.
    dry_run: bool = False


def gathered(name: str, record: type[Any]) -> Decorator:
    """Pass a command's options as a record, if they are fields of it."""
    names = {one.name for one in fields(record)}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_record(**options: Any) -> Any:
            ours = {key: value for key, value in options.items() if key in names}
            others = {key: value for key, value in options.items() if key not in names}
            return command(**others, **{name: record(**ours)})

        return with_record

    return decorate


def where_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where runs are. The command gets them as `where`."""
    for option in (
        gathered("where", Where),
        service_option(),
        conf_source_option(),
        environment_option(),
        click.option("--local", is_flag=True, help="Runs of `run --local`, in progress or ended."),
    ):
        command = option(command)
    return command


def run_argument() -> Decorator:
    """Return the argument RUN, which the tab key completes."""
    return click.argument("run", required=False, shell_complete=_run_ids)


def run_and_node_arguments(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments RUN and NODE, which the tab key completes. A single one may be either."""
    node = click.argument("node", required=False, shell_complete=_nodes)
    return click.argument("run", required=False, shell_complete=_run_ids_and_nodes)(node(command))


def node_argument() -> Decorator:
    """Return the argument NODE, which the tab key completes."""
    return click.argument("node", shell_complete=_nodes)


def run_option(text: str) -> Decorator:
    """Return the option --run, which the tab key completes."""
    return click.option("--run", metavar="RUN", shell_complete=_run_ids, help=text)


def _run_ids(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the existing runs, for the tab key; none if they can't be listed."""
    found = _completing().runs_for_completion(_where(ctx), incomplete)
    return [CompletionItem(run_id, help=about) for run_id, about in found]


def _nodes(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the nodes of the run, for the tab key; by default of the latest."""
    found = _completing().nodes_for_completion(_where(ctx), ctx.params.get("run"), incomplete)
    return [CompletionItem(name, help=status) for name, status in found]


def _run_ids_and_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [*_run_ids(ctx, param, incomplete), *_nodes(ctx, param, incomplete)]


def _completing() -> ModuleType:
    return import_module("kedro_aws_batch.cli.completing")  # imported late: only the tab key needs it


def _where(ctx: click.Context) -> Where:
    """Return where the runs are, as far as it has been typed."""
    given = {one.name: ctx.params.get(one.name) for one in fields(Where)}
    return Where(bool(given["local"]), given["environment"] or "aws_batch", given["conf_source"], given["service"])


def environment_option() -> Decorator:
    """Return the option --env, by default `aws_batch`."""
    return click.option(
        "-e",
        "--env",
        "environment",
        default="aws_batch",
        show_default=True,
        help="The Kedro environment whose catalog jobs use.",
    )


def conf_source_option() -> Decorator:
    """Return Kedro's option --conf-source."""
    return click.option(
        "--conf-source", metavar="PATH", callback=_existing, help="The folder of the configuration, or its URL."
    )


def service_option() -> Decorator:
    """Return the option --service."""
    return click.option(
        "--service",
        envvar="KEDRO_AWS_BATCH_SERVICE",
        metavar="PREFIX",
        help="The deployed service: the prefix of its functions' names. Else aws_batch.service in the parameters.",
    )


def on_failure_option() -> Decorator:
    """Return the option --on-failure."""
    words = [policy.value for policy in OnFailure]
    return click.option("--on-failure", type=click.Choice(words), help="What to do when a job fails.")


def reuse_option() -> Decorator:
    """Return the option --reuse."""
    text = "Whether nodes that earlier runs have made, and that have not changed since, are reused."
    return click.option("--reuse/--no-reuse", default=None, help=text)


def _existing(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and "://" not in value and not Path(value).exists():
        raise click.BadParameter(f"'{value}' does not exist.", ctx, param)
    return value


def json_option(text: str = "As JSON, for programs.") -> Decorator:
    """Return the option --json."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def max_workers_option() -> Decorator:
    """Return the option --max-workers."""
    return click.option("--max-workers", type=click.IntRange(min=1), help="The most jobs in flight at once.")


def utc_option() -> Decorator:
    """Return the option --utc, which makes this process show times in UTC."""

    def in_utc(_ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
        if wanted:
            os.environ["TZ"] = "UTC"
            time.tzset()

    text = "Show times in UTC, not in this machine's time zone."
    return click.option("--utc", is_flag=True, expose_value=False, callback=in_utc, help=text)


def description_option() -> Decorator:
    """Return the option --description."""
    return click.option("--description", help="A note that is shown with the run.")


def detach_option() -> Decorator:
    """Return the option --detach."""
    text = "Start the run on AWS, and don't show it until it ends."
    return click.option("--detach/--wait", " /--no-wait", "detach", help=text)


def tell_problems(problems: Sequence[Problem]) -> None:
    """Print the warnings, and raise all errors in one list."""
    for problem in problems:
        if problem.warning:
            click.echo(f"Warning: {problem}", err=True)
    require_none(problems)


def require_folder(file: Path | None, what: str) -> None:
    """Raise if the folder of a file that is to be written does not exist."""
    if file is not None and not file.parent.is_dir():
        raise KedroAwsBatchError(f"There is no folder '{file.parent}' to write the {what} into. Make it first.")
