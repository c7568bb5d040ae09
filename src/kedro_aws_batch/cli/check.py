"""`kedro aws-batch check`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch._service.dag.errors import DagError
from kedro_aws_batch._service.dag.preview import Preview, preview
from kedro_aws_batch.graph.problems import Problem, errors
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted, listed

from .options import conf_source_option, environment_option, json_option, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project

#: Jobs of several nodes that are told; `compile --explain` tells all.
_SHARED_SHOWN = 5


@click.command("check")
@environment_option()
@conf_source_option()
@click.option(
    "--aws",
    is_flag=True,
    help="Ask AWS, too, in the `region` of serverless.yml or else yours: are the job queues and job definitions there, "
    "and would they take jobs?",
)
@json_option()
def command(environment: str, conf_source: str | None, aws: bool, as_json: bool) -> None:
    """Find every reason why a run would fail on AWS Batch, in one list. Exits with 1 if there is any.

    \b
    Examples:
      kedro aws-batch check
      kedro aws-batch check --env=aws_batch_large
      kedro aws-batch check --aws
      python -m kedro_aws_batch check --json | jq '.problems[].what'
    """
    with stdout_kept_clean():
        from kedro_aws_batch.graph.check import check  # noqa: PLC0415
        from kedro_aws_batch.graph.compile import compile_project  # noqa: PLC0415
        from kedro_aws_batch.graph.project import Opening, open_project  # noqa: PLC0415

        project = open_project(Opening(environment, conf_source=conf_source))
        compiled = compile_project(project)
        problems = check(project, compiled)
    if aws and not errors(problems):
        problems += ask_aws(compiled.document, _region(project, compiled))
    default: Preview | None = None
    if not errors(problems):
        default, unplanned = _plan(compiled.document)
        problems += unplanned
    jobs = None if default is None else len(default.groups)
    sizes = {"nodes": len(compiled.nodes), "pipelines": len(project.pipelines), "jobs": jobs}
    if as_json:
        told = [asdict(problem) for problem in problems]
        click.echo(json.dumps({**sizes, "problems": told}, indent=2, ensure_ascii=False))
        raise SystemExit(1 if errors(problems) else 0)
    refuse(problems)
    size = f"{counted(len(compiled.nodes), 'node')} in {counted(len(project.pipelines), 'pipeline')}"
    click.echo("\n".join([f"{size}: no problems.{_size(default)}", *_shared(default)]))


def ask_aws(document: Mapping[str, Any], region: str | None = None) -> list[Problem]:
    """Return what keeps AWS Batch from taking the jobs of a project."""
    from kedro_aws_batch.aws import client  # noqa: PLC0415
    from kedro_aws_batch.deploy.check_aws import check_aws  # noqa: PLC0415

    return check_aws(read_document(json.dumps(document)), client("batch", region))


def _region(project: Project, compiled: Compiled) -> str | None:
    """Return the Region that the project is deployed to, if its serverless.yml says one."""
    from kedro_aws_batch.deploy.deployment import Target  # noqa: PLC0415
    from kedro_aws_batch.package import service_and_stage  # noqa: PLC0415

    stage = service_and_stage(compiled.configuration.service)[1]
    return Target(project.path, stage, {}).region(None)


def _shared(default: Preview | None) -> list[str]:
    """Return the jobs that several nodes share, and why, the first few of them."""
    from .dry_run import shared  # noqa: PLC0415

    lines = [] if default is None else list(shared(default))
    more = len(lines) // 2 - _SHARED_SHOWN
    rest = f"  and {counted(more, 'job')} more of several nodes: kedro aws-batch compile --explain"
    return [*lines[: 2 * _SHARED_SHOWN], *([rest] if more > 0 else [])]


def _size(default: Preview | None) -> str:
    if default is None:
        return ""
    return f" __default__ runs {counted(default.nodes, 'node')} in {counted(len(default.groups), 'job')}."


def _plan(document: Mapping[str, Any]) -> tuple[Preview | None, list[Problem]]:
    """Return what a run of __default__ would be, if there is one, and what the service would refuse of any pipeline."""
    read = read_document(json.dumps(document))
    planned: dict[str, Preview] = {}
    refused: dict[str, list[str]] = {}
    for name in (name for name, nodes in read.pipelines.items() if nodes):
        try:
            planned[name] = preview(read, {"pipeline": name})
        except DagError as error:
            refused.setdefault(str(error), []).append(name)
    problems = [Problem(f"pipeline{'s' * (len(of) > 1)} {listed(of)}", message, "") for message, of in refused.items()]
    return planned.get("__default__"), problems
