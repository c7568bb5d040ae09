"""Does `kedro aws-batch init`."""

from __future__ import annotations

import click

from kedro_aws_batch.graph.config import NO_BUCKET
from kedro_aws_batch.graph.folder import find_project
from kedro_aws_batch.graph.project import bootstrap
from kedro_aws_batch.package.data import wrong_bucket
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.image import provide
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.scaffold import scaffold, write
from kedro_aws_batch.wording import counted


def init(environment: str, bucket: str, force: bool, plugin_from: str) -> None:
    """Write the files, and say what comes next."""
    if bucket != NO_BUCKET and (wrong := wrong_bucket(bucket)):
        raise PackageError(wrong)
    with stdout_kept_clean():
        project = find_project()
        found = scaffold(project, bootstrap(project), environment, bucket, plugin_from)
        write(project, found, force)
        wheel = provide(project)
    for name in [*found.files, *([wheel.relative_to(project).as_posix()] if wheel else [])]:
        click.echo(f"wrote {name}")
    if found.moved:
        click.echo(f"{counted(len(found.moved), 'dataset')} moved to s3://{bucket}/ in conf/{environment}/catalog.yml")
    other = "" if environment == "aws_batch" else f" --env={environment}"
    click.echo(
        "\nNext:\n"
        f"  kedro aws-batch check{other}          finds what would keep a run from succeeding\n"
        f"  kedro aws-batch run --local{other}    runs it on this machine, distributed, on an embedded AWS\n"
        f"  kedro aws-batch deploy{other}         puts it on AWS, once serverless.yml names an image and a network; "
        "before the first time: npm install"
    )
