"""Finds the service's tree: serverless.yml, and the packages of its functions."""

from __future__ import annotations

from pathlib import Path

from kedro_aws_batch.errors import KedroAwsBatchError

#: What osls reads, of the service and of a project.
TEMPLATE = "serverless.yml"
#: In it is what only packaging knows; an embedded AWS makes it up.
PACKAGED = "packaged.json"


class ServiceRootError(KedroAwsBatchError):
    """There is no service tree."""


def service_root() -> Path:
    """Return the root of the service's tree: in the wheel, or in the checkout of an editable install."""
    package = Path(__file__).resolve().parent
    places = [package / "_service", *package.parents]
    for place in places:
        if (place / TEMPLATE).is_file() and (place / "handlers").is_dir():
            return place
    raise ServiceRootError(
        f"The service's tree ({TEMPLATE} and handlers/) was found neither in {places[0]} nor above {package}. "
        "Install kedro-aws-batch from a wheel, or with `pip install --editable` from its checkout."
    )
