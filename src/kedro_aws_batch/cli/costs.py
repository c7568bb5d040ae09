"""The prices by which commands count what runs cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import yaml

from kedro_aws_batch.errors import KedroAwsBatchError, ProjectError
from kedro_aws_batch.prices import Prices, read_prices, wrong_prices

from .service import configuration_of, this_project

if TYPE_CHECKING:
    from pathlib import Path

    from .options import Where


def read_project_prices(where: Where, file: Path | None = None) -> Prices:
    """Return the prices of a file, or of the project's parameters, or the default ones outside a project."""
    if file is not None:
        return read_prices(_read_file(file))
    try:
        this_project()
    except ProjectError:
        return Prices()
    return configuration_of(where, "prices").price_list


def prices_or_none(where: Where) -> Prices | None:
    """Return the project's prices, or None if they are wrong; then say so, since the run can still be shown."""
    try:
        return read_project_prices(where)
    except KedroAwsBatchError as error:
        click.echo(f"Costs are left out: {error}", err=True)
        return None


def _read_file(file: Path) -> Any:
    try:
        value = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise KedroAwsBatchError(f"'{file}' is not valid YAML: {error}") from error
    if wrong := wrong_prices(value):
        raise KedroAwsBatchError(f"'{file}' {wrong}.")
    return value
