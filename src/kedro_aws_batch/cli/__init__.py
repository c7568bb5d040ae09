"""`kedro aws-batch …`. Only click is imported here: each command's module is imported when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "init": "Add to a project what running it on AWS Batch takes.",
    "check": "Find every reason why a run would fail on AWS Batch.",
    "compile": "Write the graph document that the service runs.",
    "package": "Make what is deployed: the functions with the project's graph, and their template.",
    "deploy": "Check and package the project, and make or change its stack on AWS.",
    "run": "Run pipelines on AWS Batch, or on this machine with --local.",
    "status": "Show a run: its jobs, what they do, and why they failed.",
    "list": "List runs, newest first.",
    "logs": "Show what the jobs of a run, or of one node, have printed.",
    "report": "Write a run's report: its timeline, jobs, failures and cost in one HTML file.",
    "viz": "Show a run in Kedro-Viz: each node's status, duration and error.",
    "ui": "Show runs on a page of this machine, live, with buttons to cancel and resume.",
    "cancel": "Cancel a run.",
    "resume": "Run again what a run did not finish, on what it did.",
}


class Lazy(click.Group):
    """A group that knows its commands' names and short helps, and imports a command when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signatures)
        """Return the names, in the order in which one needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of a name, its module imported."""
        if cmd_name not in COMMANDS:
            return None
        from kedro_aws_batch.quiet import stdout_kept_clean  # noqa: PLC0415

        with stdout_kept_clean():  # Kedro logs when it is imported
            command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for one that does not exist."""
        from kedro_aws_batch._service.dag.errors import did_you_mean  # noqa: PLC0415

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = did_you_mean(args[0], COMMANDS) or f" There are: {', '.join(COMMANDS)}."
            raise click.UsageError(f"There is no command '{args[0]}'.{near}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Turn what the plugin raises on purpose into one sentence and exit code 1."""
        from kedro_aws_batch._service.dag.errors import DagError  # noqa: PLC0415
        from kedro_aws_batch.errors import KedroAwsBatchError  # noqa: PLC0415

        try:
            return super().invoke(ctx)
        except (KedroAwsBatchError, DagError) as error:
            raise click.ClickException(str(error)) from error


@click.group(name="aws-batch", cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def aws_batch() -> None:
    """Run Kedro pipelines on AWS Batch, one job for each node or group of nodes.

    \b
    Examples:
      kedro aws-batch check
      kedro aws-batch run --local
      kedro aws-batch run --pipelines=data_science --params=rate=0.1
      kedro aws-batch status --watch
    """


@click.group(name="kedro-aws-batch")
def commands() -> None:
    """The command group that Kedro merges into its own."""


commands.add_command(aws_batch)
