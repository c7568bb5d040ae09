"""Where the jobs' image installs kedro-aws-batch from: always the version that packages the functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kedro_aws_batch import __version__
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.wheel import WHEELS, write_wheel

DOCKERFILE = "Dockerfile"
#: The folder of the wheel for a Dockerfile. The stages' directories lie beside it.
PLACE = "build/aws_batch"
#: The values of `init --plugin-from` besides a git URL.
WHEEL, INDEX = "wheel", "index"
_PINNED = re.compile(r"\bkedro-aws-batch(?:\[[^]]*\])?\s*==\s*([\w.!+-]+)")


@dataclass(frozen=True)
class Plugin:
    """How an image installs kedro-aws-batch."""

    before: str  #: instructions that must come first, each with its line's end
    requirement: str  #: the argument of pip, as a shell reads it


def plugin(source: str) -> Plugin:
    """Return how to install this version from a wheel beside the Dockerfile, an index, or git. Raises PackageError."""
    if source == WHEEL:
        note = "# `kedro aws-batch package` and `deploy` put the wheel of their own version there.\n"
        return Plugin(f"{note}COPY {PLACE}/{WHEELS} /wheels/\n", f'"$(echo /wheels/{WHEELS})[s3]"')
    if source == INDEX:
        return Plugin("", f'"kedro-aws-batch[s3]=={__version__}"')
    if not source.startswith("git+"):
        raise PackageError(f"--plugin-from takes {WHEEL}, {INDEX} or a URL that begins with git+, not '{source}'.")
    if not re.search(r"[^/]+/.*@[\w./-]+$", source.split("://", 1)[-1]):
        raise PackageError(
            f"'{source}' doesn't say which kedro-aws-batch: end it with @ and the commit, or the tag, of {__version__}."
        )
    git = "RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -r /var/lib/apt/lists/*\n"
    return Plugin(git, f'"kedro-aws-batch[s3] @ {source}" "kedro-aws-batch=={__version__}"')


def provide(project: Path) -> Path | None:
    """Put the wheel where the project's Dockerfile copies it from, if it does, and return it.

    Raises PackageError if the Dockerfile installs another version.
    """
    file = project / DOCKERFILE
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    other = next((version for version in _PINNED.findall(text) if version != __version__), None)
    if other is not None:
        raise PackageError(
            f"The {DOCKERFILE} installs kedro-aws-batch {other}, but this is {__version__}: jobs and functions must "
            f"have the same version. Write {__version__} there, and build and push the image under a new tag."
        )
    return write_wheel(project / PLACE) if f"{PLACE}/{WHEELS}" in text else None
