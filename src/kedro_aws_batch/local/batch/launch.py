"""An attempt's command, environment and directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag import variables
from kedro_aws_batch.local.batch.overrides import batch_variables
from kedro_aws_batch.local.starting import Launch

if TYPE_CHECKING:
    from kedro_aws_batch.local.batch.folders import Folders
    from kedro_aws_batch.local.batch.jobs import Attempt, BatchJob
    from kedro_aws_batch.local.place import Place

#: The variables that a child inherits: those that a container's image would have, and no credentials.
_INHERITED = {
    "CONDA_PREFIX", "CURL_CA_BUNDLE", "DYLD_LIBRARY_PATH", "HOME", "JAVA_HOME", "LANG", "LD_LIBRARY_PATH", "LOGNAME",
    "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "REQUESTS_CA_BUNDLE", "SHELL", "SSL_CERT_DIR", "SSL_CERT_FILE",
    "TEMP", "TMP", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
}  # fmt: skip
#: The variables that the image of `init` sets, and a container's clock.
_IMAGE = {"PYTHONUNBUFFERED": "1", variables.NO_TELEMETRY: "1", "TZ": "UTC"}


def inherited_environment() -> dict[str, str]:
    """Return the variables that a child inherits from this process, with this Python first on its PATH."""
    kept = {key: value for key, value in os.environ.items() if key in _INHERITED or key.startswith("LC_")}
    path = os.environ.get("PATH", os.defpath)
    return {**kept, "PATH": os.pathsep.join([str(Path(sys.executable).parent), path])}


def image_environment() -> dict[str, str]:
    """Return the variables that every job has, as if its image set them."""
    return {**inherited_environment(), **_IMAGE}


@dataclass(frozen=True)
class Launcher:
    """Makes launches of attempts. The project, and this Python, replace a container's image."""

    place: Place
    folders: Folders
    environment: Mapping[str, str]
    #: Like an image's ENTRYPOINT: started instead of a job's command, with that as its arguments.
    entrypoint: Sequence[str] = ()

    @contextmanager
    def __call__(self, job: BatchJob, attempt: Attempt) -> Iterator[Launch]:
        """Give a launch, in a folder that exists during this context; ValueError if the job has no command."""
        container = job.spec.container
        if not container["command"]:
            raise ValueError(f"neither the job nor its definition {job.spec.definition_name} has a command")
        program, *arguments = (*self.entrypoint, *map(str, container["command"]))
        if program in {"python", "python3"}:
            program = sys.executable
        with self.folders.folder() as folder:
            environment = {
                **image_environment(),
                "TMPDIR": str(folder.temporary),
                **self._of_ecs(on_fargate=job.spec.on_fargate),
                **self.environment,
                **{each["name"]: each["value"] for each in container["environment"]},
                **batch_variables(job, attempt.number, attempt.environment),
            }
            yield Launch([program, *arguments], environment, folder.project)

    def _of_ecs(self, *, on_fargate: bool) -> dict[str, str]:
        """Return ECS's variables, with keys and endpoint instead of a role. On EC2 there is no Region."""
        told = {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE" if on_fargate else "AWS_ECS_EC2"}
        regions = (variables.REGION, variables.DEFAULT_REGION)
        return {
            **told,
            **{name: value for name, value in self.place.environment.items() if on_fargate or name not in regions},
        }
