"""The `aws_batch` key of a project's parameters: the settings of runs (read by dag), and those of the plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag import configuration as dag
from kedro_aws_batch._service.dag.configuration import KEY, RUN, Setting
from kedro_aws_batch._service.dag.rules import texts
from kedro_aws_batch.prices import read_prices, wrong_prices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch._service.dag.layers import Layers
    from kedro_aws_batch._service.dag.problems import Problem
    from kedro_aws_batch.prices import Prices

#: The keys for the plugin only.
PLUGIN: Mapping[str, Setting] = {
    "service": dag.SERVICE,
    "shared_paths": Setting(rule=texts, default=[]),
    "prices": Setting(rule=wrong_prices),
}
#: The placeholder bucket that `init` writes without --bucket: no real bucket's name has capitals.
NO_BUCKET = "CHANGE-ME"


@dataclass(frozen=True)
class ProjectConfiguration:
    """The `aws_batch` key, checked and completed."""

    run: Mapping[str, Any]
    layers: Layers
    service: str
    #: Local folders that every job sees: a mounted file system, or part of the image.
    shared_paths: tuple[str, ...]
    #: The setting of the jobs' prices.
    prices: Any = None

    @property
    def price_list(self) -> Prices:
        """Return the jobs' prices."""
        return read_prices(self.prices, self.run["launch_type"])


def place(environment: str) -> str:
    """Return the place of the key, for messages."""
    return f"parameters of '{environment}', {KEY}"


def read_project_configuration(
    parameters: Mapping[str, Any], environment: str
) -> tuple[ProjectConfiguration, list[Problem]]:
    """Return the settings of an environment under `aws_batch`, and what is wrong with them.

    A wrong setting has its default.
    """
    said, problems = dag.read_configuration(parameters.get(KEY), {**RUN, **PLUGIN}, place(environment))
    whole = {key: setting.default for key, setting in [*RUN.items(), *PLUGIN.items()]} | dict(said.settings)
    configuration = ProjectConfiguration(
        run={key: whole[key] for key in RUN},
        layers=said.layers,
        service=whole["service"],
        shared_paths=tuple(whole["shared_paths"]),
        prices=whole["prices"],
    )
    return configuration, problems
