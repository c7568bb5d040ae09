"""`kedro aws-batch package`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.wording import counted

from .options import conf_source_option, environment_option, refuse


@click.command("package")
@environment_option()
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/aws_batch"),
    show_default=True,
    help="The directory to fill.",
)
@click.option(
    "--bucket",
    "buckets",
    multiple=True,
    metavar="NAME[/PREFIX]",
    help="A bucket, or a part of one, that jobs read and write; may be given several times.",
)
@click.option(
    "--schedules",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A YAML list of runs that start by the clock.",
)
@conf_source_option()
def command(
    environment: str, output: Path, buckets: tuple[str, ...], schedules: Path | None, conf_source: str | None
) -> None:
    """Make what is deployed: a directory with the functions, the project's graph in them, and serverless.yml.

    Checks the project first. The same project gives the same bytes. `osls deploy` in that directory deploys it.

    \b
    Examples:
      kedro aws-batch package
      kedro aws-batch package --bucket=spaceflights --schedules=conf/aws_batch/schedules.yml
      kedro aws-batch package --env=aws_batch_large --output=build/large
    """
    with stdout_kept_clean():
        from kedro_aws_batch.check import check  # noqa: PLC0415
        from kedro_aws_batch.compile import compile_project, to_json  # noqa: PLC0415
        from kedro_aws_batch.package import Settings, service_and_stage, stage  # noqa: PLC0415
        from kedro_aws_batch.project import Opening, open_project  # noqa: PLC0415

        project = open_project(Opening(environment, conf_source=conf_source))
        compiled = compile_project(project)
        problems = check(project, compiled)
    refuse(problems)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        graph = Path(temporary) / "graph.json"
        graph.write_text(to_json(compiled.document), encoding="utf-8")
        service, stage_name = service_and_stage(compiled.configuration.service)
        packaged = stage(graph, output, Settings(service, buckets, schedules))
    size = f"{packaged.size / 1e6:.1f} MB for {packaged.runtime}"
    click.echo(f"{output}: {counted(len(compiled.nodes), 'node')}, {size}, graph {compiled.document['digest'][:19]}…")
    click.echo(f"To deploy it: (cd {output} && npx osls deploy --stage={stage_name})")
