"""`kedro aws-batch why`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kedro_aws_batch.cli.filters import params_options, read_params
from kedro_aws_batch.cli.late import LateCommand
from kedro_aws_batch.cli.options import Where, json_option, node_argument, run_option, where_options


@click.command("why", cls=LateCommand)
@node_argument()
@run_option("The run to compare with, by its id or a unique beginning of it; else the latest with the node.")
@params_options
@json_option()
@where_options
def command(
    where: Where, node: str, run: str | None, params: dict[str, Any], params_file: Path | None, as_json: bool
) -> None:
    """Show what a node is made of, and what of it differs from a run: why `resume` runs it again, or doesn't.

    NODE is a node's name. It is made of its code, the versions of packages that this imports, catalog entries,
    parameters and inputs. Each has its place: the module, the file in conf/, the node that makes it, or when storage
    says that it was written. No values are shown. The differences are those that `resume` would tell: on AWS between
    that run and what is deployed now, with --local between that run and the project here. Nothing is started.

    \b
    Examples:
      kedro aws-batch why train_model_node
      kedro aws-batch why train_model_node --local
      kedro aws-batch why train_model_node --run=2026-11-22T13.11 --params=model.rate=0.01
    """
    from kedro_aws_batch.cli.why import Asked, why

    why(where, Asked(node, run, read_params(params_file, params)), as_json)
