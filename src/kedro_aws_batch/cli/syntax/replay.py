"""`kedro aws-batch replay`."""

from __future__ import annotations

from pathlib import Path

import click

from kedro_aws_batch._service.dag.jobs import may_begin_run_id
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, run_and_node_arguments, where_options


@click.command("replay", cls=LateCommand)
@run_and_node_arguments
@click.option("--pdb", "debug", is_flag=True, help="Open Python's debugger where it fails.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where it saves its outputs. [default: .kedro_aws_batch/replay/<run>/<node>]",
)
@where_options
def command(where: Where, run: str | None, node: str | None, output: Path | None, debug: bool) -> None:
    """Run one node of a run here, on the same data, to see why it failed or whether it works now.

    RUN is a run's id or a unique beginning of it. Default: the latest run. NODE is a node's name. It runs the code
    here, with that run's parameters, on the versions of datasets that its job had. Data without versions is loaded as
    it is now. Its outputs go into a folder, and nothing of the run changes. Nodes that pass it data in memory run
    before it.

    \b
    Examples:
      kedro aws-batch replay train_model_node --pdb
      kedro aws-batch replay 2026-11-22T13.11 train_model_node
      kedro aws-batch replay train_model_node --local --output=tried
    """
    from kedro_aws_batch.cli.replay import replay

    if run is not None and node is None and not may_begin_run_id(run):
        run, node = None, run
    if node is None:
        raise click.UsageError("Say which node: kedro aws-batch replay [RUN] NODE")
    raise SystemExit(replay(where, run, node, output, debug))
