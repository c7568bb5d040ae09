"""Does `kedro aws-batch init`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from kedro_aws_batch import __version__
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.graph import ENVIRONMENT
from kedro_aws_batch.graph.config import NO_BUCKET
from kedro_aws_batch.graph.folder import find_project
from kedro_aws_batch.graph.project import base_environment, bootstrap, usual_environment
from kedro_aws_batch.package.data import wrong_bucket
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.image import WHEEL, provide
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.scaffold import Wanted, existing, scaffold, write
from kedro_aws_batch.service_root import TEMPLATE
from kedro_aws_batch.wording import counted
from kedro_aws_batch.workflow import workflow_file

if TYPE_CHECKING:
    from collections.abc import Collection

    from kedro_aws_batch.moving import Moved


#: Names of environments that are plain folders, and need no quotes in a shell.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: Kedro's environment for one machine, which git and images leave out.
_LOCAL = "local"
_AS_IN = f", as in --env={ENVIRONMENT} or --env=prod."


def _advice(name: str, stage: str) -> str:
    """Return what to check in an existing file that was kept."""
    return {
        "Dockerfile": ": make sure that its image has the project and installs 'kedro-aws-batch[s3]' in this version",
        TEMPLATE: f": put settings of only the stage {stage} below `{stage}` in its params",
        ".dockerignore": ": make sure that it lets build/aws_batch/*.whl in, if the Dockerfile installs that",
    }.get(name, "")


def _say_what_moved(moved: Moved, folder: str, bucket: str, kept: Collection[str]) -> None:
    """Say where datasets are now; what an existing file that was kept has, nobody looked at."""
    for number, file in ((len(moved.entries), "catalog.yml"), (len(moved.by_globals), "globals.yml")):
        if number and f"{folder}/{file}" not in kept:
            click.echo(f"{counted(number, 'dataset')} moved to s3://{bucket}/ in {folder}/{file}")
    if f"{folder}/catalog.yml" in kept:
        return
    copied = f"copy their entries to {folder}/catalog.yml and put s3://{bucket}/ there"
    for names, why, to_do in (
        (
            moved.left,
            "kept paths that begin with ${…}, which only Kedro resolves",
            f"If that is a path of this machine, set the beginning in {folder}, or {copied} instead.",
        ),
        (
            moved.shared,
            "not moved, since the global at the beginning of the path is also used for something else",
            f"Give the paths a global of their own and set it in {folder}/globals.yml, or {copied} instead.",
        ),
        (
            moved.outside,
            "not moved, since the path leads out of the project, by `..`, `~` or a Windows drive",
            f"Put the data on S3 where you want it, then {copied}.",
        ),
    ):
        if names:
            click.echo(f"{counted(len(names), 'dataset')} {why}: {listed(names)}.\n  {to_do}")


def _require_plain(environment: str) -> None:
    """Raise if a name is none for an environment: it becomes a folder, and a word of the commands to type."""
    if not _NAME.fullmatch(environment):
        raise ProjectError(
            f"'{environment}' can't be an environment, whose name is that of its folder in conf. Take letters, digits, "
            f"'.', '_' and '-', and begin with a letter or a digit{_AS_IN}"
        )


def _require_its_own(environment: str) -> None:
    """Raise if an environment of the bootstrapped project is there for something else."""
    if environment == base_environment():
        raise ProjectError(
            f"'{environment}' is the base, from which all environments take what they don't have. "
            f"Make one for AWS Batch{_AS_IN}"
        )
    if environment in {_LOCAL, usual_environment()} - {ENVIRONMENT}:
        raise ProjectError(
            f"'{environment}' is the environment of this machine, in which a plain `kedro run` runs. "
            f"Make one for AWS Batch{_AS_IN}"
        )


def init(wanted: Wanted, force: bool) -> None:
    """Write the files, and say what comes next."""
    environment, bucket = wanted.environment, wanted.bucket
    _require_plain(environment)
    if bucket != NO_BUCKET and (wrong := wrong_bucket(bucket)):
        raise PackageError(wrong)
    with stdout_kept_clean():
        project = find_project()
        package = bootstrap(project)
        _require_its_own(environment)
        found = scaffold(project, package, wanted)
    kept = [] if force else existing(project, found)
    for name in write(project, found, kept):
        click.echo(f"wrote {name}")
    with stdout_kept_clean():
        wheel = provide(project)
    if wheel:
        click.echo(f"wrote {wheel.relative_to(project).as_posix()}")
    for name in kept:
        click.echo(f"kept the existing {name}{_advice(name, found.stage)}")
    _say_what_moved(found.moved, f"conf/{environment}", bucket, kept)
    other = "" if environment == ENVIRONMENT else f" --env={environment}"
    click.echo(
        "\nNext:\n"
        f"  kedro aws-batch check{other}          finds everything that would make a run fail\n"
        f"  kedro aws-batch run --local{other}    runs it on this machine, distributed, on an embedded AWS\n"
        f"  kedro aws-batch deploy{other}         puts it on AWS, once serverless.yml names an image and a network; "
        "before the first time: npm install"
    )
    if wanted.github:
        if wanted.plugin_from == WHEEL:
            workflow = workflow_file(project, environment)
            click.echo(
                f"{workflow} installs kedro-aws-batch=={__version__} from pip's index. If that hasn't got it, put a "
                "git+https://…@<commit> into KEDRO_AWS_BATCH there, or call init with --plugin-from=git+… --force"
            )
        click.echo("GitHub deploys it, once it has a role: docs/deploy.md, “From GitHub”, has what that may do")
