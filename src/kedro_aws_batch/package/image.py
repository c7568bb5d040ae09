"""What the image of the jobs installs kedro-aws-batch from: always the version that packages the functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kedro_aws_batch import __version__
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.wheel import WHEELS, write_wheel

DOCKERFILE = "Dockerfile"
#: Where a Dockerfile finds the wheel. The stages' directories lie beside it.
PLACE = "build/aws_batch"
#: What `init --plugin-from` takes besides a git URL.
WHEEL, INDEX = "wheel", "index"
_PINNED = re.compile(r"\bkedro-aws-batch(?:\[[^]]*\])?\s*==\s*([\w.!+-]+)")


@dataclass(frozen=True)
class Plugin:
    """What installs kedro-aws-batch in an image."""

    before: str  #: instructions that have to come first, each with its line's end
    requirement: str  #: what pip is given, as a shell reads it


def plugin(source: str) -> Plugin:
    """Return what installs this version from a wheel beside the Dockerfile, an index, or git. Raises PackageError."""
    if source == WHEEL:
        note = (
            "# `kedro aws-batch package` and `deploy` put the wheel of the version there that packages the functions.\n"
        )
        return Plugin(f"{note}COPY {PLACE}/{WHEELS} /wheels/\n", f'"$(echo /wheels/{WHEELS})[s3]"')
    if source == INDEX:
        return Plugin("", f'"kedro-aws-batch[s3]=={__version__}"')
    if not source.startswith("git+"):
        raise PackageError(f"--plugin-from takes {WHEEL}, {INDEX} or a URL that begins with git+, not '{source}'.")
    if not re.search(r"[^/]+/.*@[\w./-]+$", source.split("://", 1)[-1]):
        raise PackageError(
            f"'{source}' says not which kedro-aws-batch: end it with @ and the commit, or the tag, of {__version__}."
        )
    git = "RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -r /var/lib/apt/lists/*\n"
    return Plugin(git, f'"kedro-aws-batch[s3] @ {source}" "kedro-aws-batch=={__version__}"')


def provide(project: Path) -> Path | None:
    """Put the wheel where the project's Dockerfile copies it from, if it does, and return it.

    Raises PackageError for a Dockerfile that installs another version than this.
    """
    file = project / DOCKERFILE
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    other = next((version for version in _PINNED.findall(text) if version != __version__), None)
    if other is not None:
        raise PackageError(
            f"The {DOCKERFILE} installs kedro-aws-batch {other}, and this is {__version__}: jobs and functions have to "
            f"be of one version. Write {__version__} there, and build and push the image under a new tag."
        )
    return write_wheel(project / PLACE) if f"{PLACE}/{WHEELS}" in text else None
