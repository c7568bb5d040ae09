"""Does `kedro aws-batch compile`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch.files import write_atomically
from kedro_aws_batch.graph.compile import compile_project, to_json
from kedro_aws_batch.graph.project import Opening, open_project
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted

from .dry_run import explained
from .options import refuse

if TYPE_CHECKING:
    from pathlib import Path

    from kedro_aws_batch.graph.compile import Compiled


def write_document(environment: str, conf_source: str | None, output: Path | None) -> None:
    """Write the graph document to a file, or to stdout."""
    compiled = _compiled(environment, conf_source)
    text = to_json(compiled.document)
    if output is None:
        click.echo(text, nl=False)
        return
    write_atomically(output, text.encode())
    click.echo(f"{output}: {counted(len(compiled.nodes), 'node')}, {compiled.document['digest']}", err=True)


def explain_jobs(environment: str, conf_source: str | None) -> None:
    """Say which nodes share a job, and why."""
    compiled = _compiled(environment, conf_source)
    click.echo("\n".join(explained(read_document(json.dumps(compiled.document)))))


def _compiled(environment: str, conf_source: str | None) -> Compiled:
    with stdout_kept_clean():
        compiled = compile_project(open_project(Opening(environment, conf_source=conf_source)))
    refuse(compiled.problems)
    return compiled
