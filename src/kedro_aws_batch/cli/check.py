"""`kedro aws-batch check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch.problems import Problem
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted, listed

from .options import conf_source_option, environment_option, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("check")
@environment_option()
@conf_source_option()
@click.option(
    "--aws", is_flag=True, help="Ask AWS, too: are the job queues and job definitions there, and would they take jobs?"
)
def command(environment: str, conf_source: str | None, aws: bool) -> None:
    """Find every reason why a run would fail on AWS Batch, in one list. Exits with 1 if there is any.

    \b
    Examples:
      kedro aws-batch check
      kedro aws-batch check --env=aws_batch_large
      kedro aws-batch check --aws
    """
    with stdout_kept_clean():
        from kedro_aws_batch.check import check  # noqa: PLC0415
        from kedro_aws_batch.compile import compile_project  # noqa: PLC0415
        from kedro_aws_batch.project import Opening, open_project  # noqa: PLC0415

        project = open_project(Opening(environment, conf_source=conf_source))
        compiled = compile_project(project)
        problems = check(project, compiled)
    refuse(problems)
    if aws:
        refuse_on_aws(compiled.document)
    jobs = _jobs(compiled.document)
    pipelines = counted(len(project.pipelines), "pipeline")
    click.echo(f"{counted(len(compiled.nodes), 'node')} in {pipelines}: no problems.{jobs}")


def refuse_on_aws(document: Mapping[str, Any], region: str | None = None) -> None:
    """Raise what keeps AWS Batch from taking the jobs of a project."""
    from kedro_aws_batch.check_aws import check_aws  # noqa: PLC0415
    from kedro_aws_batch.launch.aws import client  # noqa: PLC0415

    refuse(check_aws(document, client("batch", region)))


def _jobs(document: Mapping[str, Any]) -> str:
    """Return how many jobs __default__ is. Raises what the service would refuse of any pipeline."""
    from kedro_aws_batch.preview import Preview, previews  # noqa: PLC0415

    names = [name for name, nodes in document["pipelines"].items() if nodes]
    found = dict(zip(names, previews(document, [{"pipeline": name} for name in names]), strict=True))
    refused: dict[str, list[str]] = {}
    for name, preview in found.items():
        if not isinstance(preview, Preview):
            refused.setdefault(str(preview), []).append(name)
    refuse([Problem(f"pipeline{'s' * (len(of) > 1)} {listed(of)}", message, "") for message, of in refused.items()])
    default = found.get("__default__")
    if not isinstance(default, Preview):
        return ""
    return f" __default__ runs {counted(default.nodes, 'node')} in {counted(len(default.groups), 'job')}."
