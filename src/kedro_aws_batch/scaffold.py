"""The files that `init` adds to a Kedro project: an environment for AWS Batch, an image, and the deployment."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import botocore.session
import yaml
from kedro.framework.project import settings

from kedro_aws_batch.graph import ENVIRONMENT
from kedro_aws_batch.graph.compile import project_name
from kedro_aws_batch.graph.project import base_environment
from kedro_aws_batch.package.image import WHEEL, plugin
from kedro_aws_batch.package.schedules import SCHEDULES_FILE as SCHEDULES
from kedro_aws_batch.service_root import TEMPLATE

from .files import write_atomically
from .moving import move_catalog
from .workflow import GITHUB, workflow_file, workflow_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kedro_aws_batch.package.image import Plugin

    from .moving import Moved

TEMPLATES = Path(__file__).parent / "templates"
#: The default stage, a part of the functions' names.
STAGE = "dev"


@dataclass(frozen=True)
class Scaffold:
    """The files to write, by their paths within the project."""

    files: Mapping[str, str]
    #: The datasets that were on this machine.
    moved: Moved
    #: The environment's stage.
    stage: str = STAGE


@dataclass(frozen=True)
class Wanted:
    """What `init` is asked for."""

    environment: str
    bucket: str
    #: Where the image gets kedro-aws-batch.
    plugin_from: str = WHEEL
    #: Whether a GitHub workflow deploys the project.
    github: bool = False


def scaffold(project: Path, package: str, wanted: Wanted) -> Scaffold:
    """Return the files for a bootstrapped project. The catalog is the base's, with the local files on S3.

    Each environment is a stage, with its own queue, definition and functions.
    """
    environment, bucket = wanted.environment, wanted.bucket
    moved = move_catalog(project / settings.CONF_SOURCE / base_environment(), bucket)
    stage = _stage(environment)
    name = project_name(package)
    service_name = _service_name(name)
    values = {
        "project": name,
        "names": name if stage == STAGE else f"{name}_{stage}",
        "service": f"{service_name}-{stage}",
        "service_name": service_name,
        "stage": stage,
        "region": _region(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "requirements": _requirements(project, plugin(wanted.plugin_from)),
        "environment": environment,
        **workflow_values(project, wanted.plugin_from),
    }
    files = {
        f"conf/{environment}/catalog.yml": _catalog(moved.entries),
        **({f"conf/{environment}/globals.yml": _globals(moved.globals)} if moved.globals else {}),
        f"conf/{environment}/parameters.yml": _filled("parameters.yml", values),
        f"conf/{environment}/{SCHEDULES}": _filled(SCHEDULES, values),
        TEMPLATE: _filled(TEMPLATE, values),
        "package.json": _filled("package.json", values),
        "Dockerfile": _filled("Dockerfile", values),
        ".dockerignore": _filled("dockerignore", values),
        **({workflow_file(project, environment): _filled(GITHUB, values)} if wanted.github else {}),
    }
    return Scaffold(files, moved, stage)


def _stage(environment: str) -> str:
    """Return the stage of an environment: the letters and digits of its name."""
    return STAGE if environment == ENVIRONMENT else re.sub(r"[^a-z0-9]", "", environment.lower()) or STAGE


def _catalog(entries: Mapping[str, Any]) -> str:
    head = (
        "# The base catalog's local datasets, on S3, where jobs reach them. Datasets that no catalog names stay in\n"
        "# memory, and the nodes that pass them to each other share a job.\n"
    )
    return head + (yaml.safe_dump(dict(entries), sort_keys=False, allow_unicode=True) if entries else "{}\n")


def _globals(values: Mapping[str, Any]) -> str:
    head = "# The base's globals at the beginning of the catalog's paths, on S3, where jobs reach them.\n"
    return head + yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)


def _service_name(project: str) -> str:
    """Return a name for this project only: a second stack with the same name would replace the first."""
    words = [word for word in project.split("_") if word]
    name = "-".join(words)
    return name if name[:1].isalpha() else f"kedro-{name}"


def _region() -> str:
    """Return the Region that AWS' own tools would use here."""
    return str(botocore.session.Session().get_config_variable("region") or "us-east-1")


def existing(project: Path, found: Scaffold) -> list[str]:
    """Return the files that are there already."""
    return [name for name in found.files if (project / name).exists()]


def write(project: Path, found: Scaffold, kept: Collection[str]) -> Iterator[str]:
    """Write the files except the kept ones, and yield the name of each once it is written."""
    for name, text in found.files.items():
        if name not in kept:
            write_atomically(project / name, text.encode())
            yield name


def _filled(name: str, values: Mapping[str, str]) -> str:
    return Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(values)


def _requirements(project: Path, ours: Plugin) -> str:
    """Return the lines that install the project's requirements before its code is copied, so that they are cached."""
    if (project / "requirements.txt").is_file():
        return f"{ours.before}COPY requirements.txt .\nRUN pip install -r requirements.txt {ours.requirement}"
    # Kedro's pyproject.toml names the README, without which some build back ends refuse to install the project.
    copies = "COPY pyproject.toml README* LICENSE* ./\nCOPY src src\n"
    return f"{ours.before}{copies}RUN pip install . {ours.requirement}"
