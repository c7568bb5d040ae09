"""What an attempt is given: its command, environment and directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kedro_aws_batch.local.processes import Launch

if TYPE_CHECKING:
    from kedro_aws_batch.local.batch.jobs import Attempt, Job
    from kedro_aws_batch.local.place import Place

#: What a child gets of the environment of its parent: what a container's image would have, and no credentials.
_INHERITED = {
    "CONDA_PREFIX", "CURL_CA_BUNDLE", "DYLD_LIBRARY_PATH", "HOME", "JAVA_HOME", "LANG", "LD_LIBRARY_PATH", "LOGNAME",
    "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "REQUESTS_CA_BUNDLE", "SHELL", "SSL_CERT_DIR", "SSL_CERT_FILE",
    "TEMP", "TMP", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
}  # fmt: skip


def inherited_environment() -> dict[str, str]:
    """Return what a child gets of this process's environment, with this Python first on its PATH."""
    kept = {key: value for key, value in os.environ.items() if key in _INHERITED or key.startswith("LC_")}
    path = os.environ.get("PATH", os.defpath)
    return {**kept, "PATH": os.pathsep.join([str(Path(sys.executable).parent), path])}


@dataclass(frozen=True)
class Launcher:
    """Makes launches of attempts; a container's image is the directory and this Python."""

    place: Place
    directory: Path
    environment: Mapping[str, str]
    #: As an image's ENTRYPOINT: started in place of a job's command, which it gets as its arguments.
    entrypoint: Sequence[str] = ()

    def __call__(self, job: Job, attempt: Attempt) -> Launch:
        """Return what to start; ValueError where the job has no command."""
        container = job.spec.container
        if not container["command"]:
            raise ValueError(f"neither the job nor its definition {job.spec.definition_name} has a command")
        program, *arguments = (*self.entrypoint, *map(str, container["command"]))
        if program in {"python", "python3"}:
            program = sys.executable
        environment = {
            **inherited_environment(),
            "PYTHONUNBUFFERED": "1",
            "KEDRO_DISABLE_TELEMETRY": "1",
            **self.place.environment,
            **self.environment,
            **{each["name"]: each["value"] for each in container["environment"]},
            **_batch_environment(job, attempt),
        }
        return Launch([program, *arguments], environment, self.directory)


def _batch_environment(job: Job, attempt: Attempt) -> dict[str, str]:
    environment = {
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JOB_ATTEMPT": str(attempt.number),
        "AWS_BATCH_JQ_NAME": job.spec.queue.name,
        "AWS_BATCH_CE_NAME": attempt.environment.name,
    }
    if job.parent is not None:
        environment["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
        environment["AWS_BATCH_JOB_ARRAY_SIZE"] = str(len(job.parent.children))
    return environment
