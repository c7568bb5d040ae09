"""`kedro aws-batch init`."""

from __future__ import annotations

import click

from kedro_aws_batch.graph.config import NO_BUCKET
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted


@click.command("init")
@click.option("-e", "--env", "environment", default="aws_batch", show_default=True, help="The environment to make.")
@click.option("--bucket", default=NO_BUCKET, show_default=True, help="The S3 bucket for the catalog's datasets.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(environment: str, bucket: str, force: bool) -> None:
    """Add to a project what running it on AWS Batch takes: an environment, a Dockerfile, a serverless.yml.

    The catalog of the new environment is that of conf/base with the local files on S3. Nothing that is there is
    overwritten without --force.

    \b
    Examples:
      kedro aws-batch init --bucket=my-bucket
    """
    with stdout_kept_clean():
        from kedro_aws_batch.graph.project import bootstrap, find_project  # noqa: PLC0415
        from kedro_aws_batch.scaffold import scaffold, write  # noqa: PLC0415

        project = find_project()
        found = scaffold(project, bootstrap(project), environment, bucket)
        write(project, found, force)
    for name in found.files:
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
