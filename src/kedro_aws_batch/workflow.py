"""The GitHub workflow that `init --github` adds: it deploys the project when its main branch changes."""

from __future__ import annotations

import os
from pathlib import Path

from kedro_aws_batch import __version__

#: The template, and the folder of workflows in a repository.
GITHUB = "github.yml"
_WORKFLOWS = Path(".github/workflows")


def repository_of(project: Path) -> Path:
    """Return the root of the Git repository that a project lies in; the project's folder if there is none."""
    return next((folder for folder in (project, *project.parents) if (folder / ".git").exists()), project)


def workflow_file(project: Path, environment: str) -> str:
    """Return the path of the workflow of an environment, relative to the project."""
    file = repository_of(project) / _WORKFLOWS / f"deploy-{environment}.yml"
    return Path(os.path.relpath(file, project)).as_posix()


def workflow_values(project: Path, plugin_from: str) -> dict[str, str]:
    """Return what fills the template, besides the names that all templates have."""
    folder = project.relative_to(repository_of(project)).as_posix()
    source = f" @ {plugin_from}" if plugin_from.startswith("git+") else f"=={__version__}"
    own = "-r requirements.txt" if (project / "requirements.txt").is_file() else "."
    return {"folder": folder, "plugin": f"kedro-aws-batch{source}", "own": own}
