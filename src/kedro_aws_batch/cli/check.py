"""`kedro aws-batch check`."""

from __future__ import annotations

import click

from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted

from .options import conf_source_option, environment_option, refuse


@click.command("check")
@environment_option()
@conf_source_option()
def command(environment: str, conf_source: str | None) -> None:
    """Find every reason why a run would fail on AWS Batch, in one list. Exits with 1 if there is any.

    \b
    Examples:
      kedro aws-batch check
      kedro aws-batch check --env=aws_batch_large
    """
    with stdout_kept_clean():
        from kedro_aws_batch.check import check  # noqa: PLC0415
        from kedro_aws_batch.compile import compile_project  # noqa: PLC0415
        from kedro_aws_batch.project import Opening, open_project  # noqa: PLC0415

        project = open_project(Opening(environment, conf_source=conf_source))
        compiled = compile_project(project)
        problems = check(project, compiled)
    refuse(problems)
    pipelines = len(project.pipelines)
    click.echo(f"{counted(len(compiled.nodes), 'node')} in {counted(pipelines, 'pipeline')}: no problems.")
