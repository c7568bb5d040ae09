"""`kedro aws-batch compile`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch.files import write_atomically
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted

from .options import conf_source_option, environment_option, refuse


@click.command("compile")
@environment_option()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else stdout.")
@conf_source_option()
@click.option("--explain", is_flag=True, help="Say instead which nodes share a job, and why, for each pipeline.")
def command(environment: str, output: Path | None, conf_source: str | None, explain: bool) -> None:
    """Write the graph document that the service runs: nodes, pipelines, datasets and what each job asks for.

    It holds no paths, no parameters' values and no credentials. Kedro itself logs a line to stdout
    when it starts: to pipe the document into another program, use `python -m kedro_aws_batch compile`.

    \b
    Examples:
      kedro aws-batch compile --output=graph.json
      kedro aws-batch compile --explain
      python -m kedro_aws_batch compile | jq .digest
    """
    with stdout_kept_clean():
        from kedro_aws_batch.graph.compile import compile_project, to_json  # noqa: PLC0415
        from kedro_aws_batch.graph.project import Opening, open_project  # noqa: PLC0415

        compiled = compile_project(open_project(Opening(environment, conf_source=conf_source)))
    refuse(compiled.problems)
    if explain:
        from .dry_run import explained  # noqa: PLC0415

        click.echo("\n".join(explained(read_document(json.dumps(compiled.document)))))
        return
    text = to_json(compiled.document)
    if output is None:
        click.echo(text, nl=False)
        return
    write_atomically(output, text.encode())
    click.echo(f"{output}: {counted(len(compiled.nodes), 'node')}, {compiled.document['digest']}", err=True)
