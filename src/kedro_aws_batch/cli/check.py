"""Does `kedro aws-batch check`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from kedro_aws_batch._service.dag.preview import Preview, preview
from kedro_aws_batch._service.dag.problems import Problem, listed
from kedro_aws_batch.aws import client
from kedro_aws_batch.deploy.check_aws import active_definitions, check_aws
from kedro_aws_batch.deploy.check_roles import check_roles
from kedro_aws_batch.deploy.deployment import Target
from kedro_aws_batch.graph.entries import not_looked_into
from kedro_aws_batch.graph.problems import errors
from kedro_aws_batch.package import service_and_stage
from kedro_aws_batch.wording import counted

from .dry_run import shared, size_of
from .options import tell_problems
from .prepare import open_checked

if TYPE_CHECKING:
    from kedro_aws_batch._service.dag.document import GraphDocument
    from kedro_aws_batch.graph.opening import Opening

    from .prepare import Prepared

#: Shared jobs that are listed; `compile --explain` lists all.
_SHARED_SHOWN = 5


def print_check(opening: Opening, aws: bool, as_json: bool) -> None:
    """Print what is wrong with the project; with `aws`, ask AWS, too."""
    prepared = open_checked(opening)
    compiled, problems = prepared.compiled, list(prepared.problems)
    if aws and not errors(problems):
        problems += ask_aws(compiled.read, _region(prepared), compiled.configuration.service)
    default = None if errors(problems) else _default(compiled.read)
    nodes, pipelines = len(compiled.nodes), len(prepared.project.pipelines)
    unseen = not_looked_into(compiled)
    if as_json:
        sizes = {"nodes": nodes, "pipelines": pipelines, "jobs": None if default is None else len(default.groups)}
        told = {"problems": [asdict(problem) for problem in problems], "not_looked_into": list(unseen)}
        click.echo(json.dumps({**sizes, **told}, indent=2, ensure_ascii=False))
        raise SystemExit(1 if errors(problems) else 0)
    tell_problems(problems)
    if unseen:
        where = [f"{name}.{key}" if key else name for name, keys in unseen.items() for key in keys or [""]]
        click.echo(
            f"Not looked into: {listed(where)}. Only the authors of their types know where the data lies.", err=True
        )
    size = f"{counted(nodes, 'node')} in {counted(pipelines, 'pipeline')}"
    click.echo("\n".join([f"{size}: no problems.{_size(default)}", *_shared(default)]))


def _default(document: GraphDocument) -> Preview | None:
    """Return a preview of a run of __default__, if it has nodes."""
    return preview(document, {}) if document.pipelines.get("__default__") else None


def ask_aws(document: GraphDocument, region: str | None, service: str) -> list[Problem]:
    """Return why AWS Batch wouldn't take the project's jobs, or why the jobs couldn't ask for their payloads."""
    batch = client("batch", region)
    problems = check_aws(document, batch)
    if problems or document.run["job_command"] != "job":
        return problems
    return list(check_roles(active_definitions(document, batch), service, client("iam", region)))


def _region(prepared: Prepared) -> str | None:
    """Return the Region that the project is deployed to, if its serverless.yml says one."""
    stage = service_and_stage(prepared.compiled.configuration.service)[1]
    return Target(prepared.project.path, stage, {}).region()


def _shared(default: Preview | None) -> list[str]:
    """Return the first few jobs that several nodes share, and why."""
    lines = [] if default is None else list(shared(default))
    more = len(lines) // 2 - _SHARED_SHOWN
    rest = f"  and {counted(more, 'more shared job')}: kedro aws-batch compile --explain"
    return [*lines[: 2 * _SHARED_SHOWN], *([rest] if more > 0 else [])]


def _size(default: Preview | None) -> str:
    if default is None:
        return ""
    return f" __default__ runs {size_of(default)}."
