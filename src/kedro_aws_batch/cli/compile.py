"""Does `kedro aws-batch compile`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kedro_aws_batch.files import write_atomically
from kedro_aws_batch.graph.compile import compile_project, to_json
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted

from .dry_run import explained
from .options import require_folder, tell_problems

if TYPE_CHECKING:
    from pathlib import Path

    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.opening import Opening


def write_document(opening: Opening, output: Path | None) -> None:
    """Write the graph document to a file, or to stdout."""
    require_folder(output, "graph document")
    compiled = _compiled(opening)
    text = to_json(compiled.signed)
    if output is None:
        click.echo(text, nl=False)
        return
    write_atomically(output, text.encode())
    click.echo(f"{output}: {counted(len(compiled.nodes), 'node')}, {compiled.document['digest']}", err=True)


def explain_jobs(opening: Opening) -> None:
    """Say which nodes share a job, and why."""
    compiled = _compiled(opening)
    click.echo("\n".join(explained(compiled.read)))


def _compiled(opening: Opening) -> Compiled:
    with stdout_kept_clean():
        compiled = compile_project(open_project(opening))
    tell_problems(compiled.problems)
    return compiled
