"""Does `kedro aws-batch package`."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from kedro.framework.project import settings

from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.deploy.deployment import Target
from kedro_aws_batch.graph.compile import to_json
from kedro_aws_batch.graph.datasets import buckets_of
from kedro_aws_batch.package import StageSettings, service_and_stage, stage
from kedro_aws_batch.package.image import provide
from kedro_aws_batch.package.schedules import SCHEDULES_FILE as SCHEDULES
from kedro_aws_batch.wording import counted

from .prepare import prepare_whole

if TYPE_CHECKING:
    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.opening import Opening
    from kedro_aws_batch.graph.project import Project
    from kedro_aws_batch.package import Packaged

    from .prepare import Prepared


@dataclass(frozen=True)
class PackageOptions:
    """What to package, and the command line's settings, which override the project's."""

    opening: Opening
    buckets: tuple[str, ...] = ()
    schedules: Path | None = None
    reuse_buckets: tuple[str, ...] | None = None


def package(wanted: PackageOptions, output: Path | None) -> None:
    """Check and package the project, and say how to deploy it."""
    stage_name = stage_project(wanted, prepare_whole(wanted.opening), output)
    there = _seen(output) if output else "."
    osls = f"npx osls deploy --stage={stage_name}"
    click.echo(f"To deploy it: {f'(cd {there} && {osls})' if output else osls}")


def stage_project(wanted: PackageOptions, prepared: Prepared, output: Path | None) -> str:
    """Package a project into a directory, print what was made, and return its stage."""
    project, compiled = prepared.project, prepared.compiled
    service, stage_name = service_and_stage(compiled.configuration.service)
    target = Target(project.path, stage_name, {})
    directory = output or target.directory
    buckets = _buckets(wanted, target, compiled)
    listed_by_start_run = target.reuse_buckets() if wanted.reuse_buckets is None else wanted.reuse_buckets
    owner = None if output else project.path
    wheel = provide(project.path) if owner else None
    with tempfile.TemporaryDirectory() as temporary:
        graph = Path(temporary) / "document.json"
        graph.write_text(to_json(compiled.signed), encoding="utf-8")
        packaged = stage(
            graph,
            directory,
            StageSettings(
                service=service,
                buckets=buckets,
                reuse_buckets=listed_by_start_run,
                tags={} if owner is None else target.tags(),
                schedules=_schedules(wanted, project),
                project=owner,
            ),
        )
    _tell(directory, packaged, compiled, buckets)
    if listed_by_start_run:
        click.echo(f"start_run may list {listed(listed_by_start_run)}, for runs that reuse.")
    if wheel:
        click.echo(f"{_seen(wheel)}: kedro-aws-batch for the image.")
    return stage_name


def _tell(directory: Path, packaged: Packaged, compiled: Compiled, buckets: list[str]) -> None:
    size = f"{packaged.size / 1e6:.1f} MB for {packaged.runtime}"
    nodes = counted(len(compiled.nodes), "node")
    click.echo(f"{_seen(directory)}: {nodes}, {size}, graph {compiled.document['digest'][:19]}…")
    click.echo(f"Jobs may read and write {listed(buckets)}." if buckets else "Jobs may read and write no bucket.")


def _buckets(wanted: PackageOptions, target: Target, compiled: Compiled) -> list[str]:
    """Return the buckets that jobs may read and write. Warns of buckets in the catalog that nobody allows."""
    named = sorted({bucket for found in compiled.datasets.values() for bucket in buckets_of(found)})
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


def _schedules(wanted: PackageOptions, project: Project) -> Path | None:
    source = project.path / (wanted.opening.conf_source or settings.CONF_SOURCE)
    usual = source / wanted.opening.environment / SCHEDULES
    return wanted.schedules or (usual if usual.is_file() else None)


def _seen(path: Path) -> str:
    """Return a path as one would type it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
