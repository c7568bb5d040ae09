"""`kedro aws-batch compile`."""

from __future__ import annotations

from pathlib import Path

import click

from kedro_aws_batch.cli.filters import opening_options
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.graph.opening import Opening


@click.command("compile", cls=LateCommand)
@opening_options
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else stdout.")
@click.option("--explain", is_flag=True, help="Print instead, for each pipeline, which nodes share a job, and why.")
def command(opening: Opening, output: Path | None, explain: bool) -> None:
    """Write the graph document that the service runs: nodes, pipelines, datasets and what each job asks for.

    It holds no parameters' values, no credentials, and no paths but, if runs reuse, those of data on S3. Kedro itself
    logs a line to stdout when it starts: to pipe the document into another program, use `python -m kedro_aws_batch
    compile`.

    \b
    Examples:
      kedro aws-batch compile --output=graph.json
      kedro aws-batch compile --explain
      python -m kedro_aws_batch compile | jq .digest
    """
    from kedro_aws_batch.cli.compile import explain_jobs, write_document

    if explain:
        explain_jobs(opening)
    else:
        write_document(opening, output)
