"""Runs a job's command in a container, as Batch would: enter.py <buildah's words…> -- <container> <command…>.

The environment has what Batch and the functions tell the job, and what the embedded AWS adds.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Become the container's process."""
    end = sys.argv.index("--")
    buildah, (container, *command) = sys.argv[1:end], sys.argv[end + 1 :]
    told = [f"--env={name}={value}" for name, value in os.environ.items() if name.startswith(("AWS_", "KEDRO_"))]
    os.execvp(buildah[0], [*buildah, "run", "--isolation=chroot", *told, container, "--", *command])  # noqa: S606


main()
