"""`kedro aws-batch package`."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted, listed

from .options import conf_source_option, environment_option, refuse

if TYPE_CHECKING:
    from kedro_aws_batch.deploy.deployment import Target
    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project
    from kedro_aws_batch.package import Packaged


@dataclass(frozen=True)
class Wanted:
    """What to package, and what by the command line goes before what the project says."""

    environment: str
    conf_source: str | None = None
    buckets: tuple[str, ...] = ()
    schedules: Path | None = None


@click.command("package")
@environment_option()
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory to fill that can be deployed without the project; else build/aws_batch/<stage> in the project.",
)
@click.option(
    "--bucket",
    "buckets",
    multiple=True,
    metavar="NAME[/PREFIX]",
    help="A bucket, or a part of one, that jobs read and write; may be given several times. Else `buckets` in the "
    "params of serverless.yml, or else those that the catalog names.",
)
@click.option(
    "--schedules",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A YAML list of runs that start by the clock; else schedules.yml in the environment's folder.",
)
@conf_source_option()
def command(
    environment: str, output: Path | None, buckets: tuple[str, ...], schedules: Path | None, conf_source: str | None
) -> None:
    """Make what is deployed: the functions with the project's graph in them, and the templates of the stack.

    Checks the project first. The same project gives the same bytes. The project's serverless.yml takes from there what
    it doesn't say itself. `kedro aws-batch deploy` does this, and deploys it.

    \b
    Examples:
      kedro aws-batch package
      kedro aws-batch package --env=aws_batch_prod
      kedro aws-batch package --bucket=spaceflights --output=build/alone
    """
    project, compiled = open_checked(environment, conf_source)
    wanted = Wanted(environment, conf_source, buckets, schedules)
    stage = stage_project(wanted, project, compiled, output)
    place = _seen(output) if output else "."
    go_there = f"(cd {place} && npx osls deploy --stage={stage})" if output else f"npx osls deploy --stage={stage}"
    click.echo(f"To deploy it: {go_there}")


def open_checked(environment: str, conf_source: str | None) -> tuple[Project, Compiled]:
    """Return the project, compiled. Raises what check finds wrong."""
    with stdout_kept_clean():
        from kedro_aws_batch.graph.check import check  # noqa: PLC0415
        from kedro_aws_batch.graph.compile import compile_project  # noqa: PLC0415
        from kedro_aws_batch.graph.project import Opening, open_project  # noqa: PLC0415

        project = open_project(Opening(environment, conf_source=conf_source))
        compiled = compile_project(project)
        problems = check(project, compiled)
    refuse(problems)
    return project, compiled


def stage_project(wanted: Wanted, project: Project, compiled: Compiled, output: Path | None) -> str:
    """Package a project into a directory, tell about it, and return the stage that it is for."""
    from kedro_aws_batch.deploy.deployment import Target  # noqa: PLC0415
    from kedro_aws_batch.graph.compile import to_json  # noqa: PLC0415
    from kedro_aws_batch.package import Settings, service_and_stage, stage  # noqa: PLC0415

    service, stage_name = service_and_stage(compiled.configuration.service)
    target = Target(project.path, stage_name, {})
    directory = output or target.directory
    buckets = _buckets(wanted, target, compiled)
    owner = None if output else project.path
    with tempfile.TemporaryDirectory() as temporary:
        graph = Path(temporary) / "graph.json"
        graph.write_text(to_json(compiled.document), encoding="utf-8")
        packaged = stage(graph, directory, Settings(service, buckets, _schedules(wanted, project), owner))
    _tell(directory, packaged, compiled, buckets)
    return stage_name


def _tell(directory: Path, packaged: Packaged, compiled: Compiled, buckets: list[str]) -> None:
    size = f"{packaged.size / 1e6:.1f} MB for {packaged.runtime}"
    nodes = counted(len(compiled.nodes), "node")
    click.echo(f"{_seen(directory)}: {nodes}, {size}, graph {compiled.document['digest'][:19]}…")
    click.echo(f"Jobs may read and write {listed(buckets)}." if buckets else "Jobs may read and write no bucket.")


def _buckets(wanted: Wanted, target: Target, compiled: Compiled) -> list[str]:
    """Return what jobs may read and write; warn of what the catalog names and nobody allows."""
    from kedro_aws_batch.graph.datasets import bucket_of  # noqa: PLC0415

    named = sorted({bucket for found in compiled.datasets.values() if (bucket := bucket_of(found)) is not None})
    allowed = list(wanted.buckets) or target.buckets()
    if not allowed:
        return named
    for bucket in named:
        if bucket not in {each.partition("/")[0] for each in allowed}:
            click.echo(
                f"Warning: the catalog has datasets in the bucket '{bucket}', which is not among those that jobs may "
                f"read and write: {listed(allowed)}.",
                err=True,
            )
    return allowed


def _schedules(wanted: Wanted, project: Project) -> Path | None:
    from kedro.framework.project import settings  # noqa: PLC0415

    usual = project.path / (wanted.conf_source or settings.CONF_SOURCE) / wanted.environment / "schedules.yml"
    return wanted.schedules or (usual if usual.is_file() else None)


def _seen(path: Path) -> str:
    """Return a path as one types it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
