"""Commands that import their code only when they are called: names and helps need only click."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from kedro_aws_batch._service.dag.errors import DagError, InvalidRequestError, did_you_mean
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.graph.problems import numbered
from kedro_aws_batch.quiet import stdout_kept_clean

#: What to do if the disk refuses something, which is not the plugin's fault.
OF_THE_DISK: Mapping[int, str] = {
    errno.ENOSPC: "Make room, then call the command again.",
    errno.EDQUOT: "Make room within your quota, then call the command again.",
    errno.EROFS: "Call the command where you may write, for example in a copy of the project.",
    errno.EACCES: "Fix the permissions of the file or of its folder.",
    errno.EPERM: "Fix the permissions of the file or of its folder.",
    errno.ENOTDIR: "Name a place whose folders are folders: one of them is a file.",
    errno.EEXIST: "Name another place: what is there is no folder.",
    errno.EISDIR: "Name a file: this is a folder.",
    errno.ENAMETOOLONG: "Give it a shorter name.",
    errno.ELOOP: "Name another place: the links there lead to each other.",
}


class LateCommand(click.Command):
    """A command that `kedro_aws_batch.cli.<its name>` carries out."""

    def invoke(self, ctx: click.Context) -> Any:
        """Import the code, with Kedro's log of the import on stderr, and call it."""
        with stdout_kept_clean():
            import_module(f"kedro_aws_batch.cli.{self.name}")
        return super().invoke(ctx)


class LateGroup(click.Group):
    """A group that knows its commands' names and short helps, and imports a command only when it is used."""

    #: The commands' short helps by name, in the order in which one needs them.
    helps: Mapping[str, str]

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names."""
        return list(self.helps)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name."""
        if cmd_name not in self.helps:
            return None
        command: click.Command = import_module(f"kedro_aws_batch.cli.syntax.{cmd_name}").command
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.helps.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown one."""
        if args and args[0] not in self.helps and not args[0].startswith("-"):
            near = did_you_mean(args[0], self.helps) or f" There are: {', '.join(self.helps)}."
            raise click.UsageError(f"There is no command '{args[0]}'.{near}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Turn errors that the plugin raises on purpose into one sentence, or one list, and exit code 1."""
        try:
            return super().invoke(ctx)
        except (KedroAwsBatchError, DagError) as error:
            problems = error.problems if isinstance(error, InvalidRequestError) else ()
            raise click.ClickException(numbered(problems) if problems else str(error)) from error
        except OSError as error:
            if error.errno not in OF_THE_DISK:
                raise
            raise click.ClickException(_about_the_disk(error)) from error


def _about_the_disk(error: OSError) -> str:
    """Return why a file can't be written, and what to do about it."""
    what = f"'{error.filename}' can't be written or read" if error.filename else "A file can't be written"
    return f"{what}: {error.strerror}. {OF_THE_DISK[error.errno or 0]}"
