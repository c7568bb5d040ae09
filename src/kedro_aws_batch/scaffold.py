"""What `init` adds to a Kedro project: its environment for AWS Batch, its image, and what deploys its functions."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import botocore.session
import yaml

from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.graph.compile import project_name
from kedro_aws_batch.graph.datasets import of_config
from kedro_aws_batch.graph.places import LOCAL, PATH_KEYS
from kedro_aws_batch.package.image import WHEEL, plugin

from .errors import KedroAwsBatchError, ProjectError
from .files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kedro_aws_batch.package.image import Plugin

TEMPLATES = Path(__file__).parent / "templates"
#: Of a new service: the part of its functions' names that says which deployment of it they are.
STAGE = "dev"


class FilesExistError(KedroAwsBatchError):
    """Files would be overwritten."""


@dataclass(frozen=True)
class Scaffold:
    """The files to write, by their paths within the project."""

    files: Mapping[str, str]
    #: Datasets that moved from this machine to S3.
    moved: tuple[str, ...]


def scaffold(project: Path, package: str, environment: str, bucket: str, plugin_from: str = WHEEL) -> Scaffold:
    """Return the files for a project: its catalog is the base's, with the local files on S3."""
    catalog, moved = _catalog(project, bucket)
    name = project_name(package)
    service_name = _service_name(name)
    values = {
        "project": name,
        "service": f"{service_name}-{STAGE}",
        "service_name": service_name,
        "stage": STAGE,
        "region": _region(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "requirements": _requirements(project, plugin(plugin_from)),
    }
    files = {
        f"conf/{environment}/catalog.yml": catalog,
        f"conf/{environment}/parameters.yml": _filled("parameters.yml", values),
        f"conf/{environment}/schedules.yml": _filled("schedules.yml", values),
        "serverless.yml": _filled("serverless.yml", values),
        "package.json": _filled("package.json", values),
        "Dockerfile": _filled("Dockerfile", values),
        ".dockerignore": _filled("dockerignore", values),
    }
    return Scaffold(files, moved)


def _service_name(project: str) -> str:
    """Return a name that is the project's own: of two with one name the second would replace the first."""
    words = [word for word in project.split("_") if word]
    name = "-".join(words)
    return name if name[:1].isalpha() else f"kedro-{name}"


def _region() -> str:
    """Return the Region that AWS' own tools would use here."""
    return str(botocore.session.Session().get_config_variable("region") or "us-east-1")


def write(project: Path, found: Scaffold, force: bool) -> None:
    """Write the files, all or none. Raises FilesExistError for files that are there already, unless forced to."""
    existing = [name for name in found.files if (project / name).exists()]
    if existing and not force:
        raise FilesExistError(f"There is already {listed(existing)}: nothing was written. To overwrite: --force.")
    for name, text in found.files.items():
        write_atomically(project / name, text.encode())


def _filled(name: str, values: Mapping[str, str]) -> str:
    return Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(values)


def _requirements(project: Path, ours: Plugin) -> str:
    """Return the lines that install what the project needs, before its code is copied, so that they are cached."""
    if (project / "requirements.txt").is_file():
        return f"{ours.before}COPY requirements.txt .\nRUN pip install -r requirements.txt {ours.requirement}"
    # Kedro's pyproject.toml names the README, without which some build back ends refuse to install the project.
    copies = "COPY pyproject.toml README* LICENSE* ./\nCOPY src src\n"
    return f"{ours.before}{copies}RUN pip install . {ours.requirement}"


def _catalog(project: Path, bucket: str) -> tuple[str, tuple[str, ...]]:
    """Return the catalog of the new environment, and which datasets in it had been on this machine."""
    moved = {name: _on_s3(entry, bucket) for name, entry in _base_entries(project) if _is_local(entry)}
    head = (
        "# The base catalog's datasets that lie on this machine, on S3, where jobs reach them. What nodes pass to\n"
        "# each other and no catalog names stays in memory: such nodes share a job.\n"
    )
    body = yaml.safe_dump(moved, sort_keys=False, allow_unicode=True) if moved else "{}\n"
    return head + body, tuple(moved)


def _base_entries(project: Path) -> Iterator[tuple[str, Any]]:
    for file in sorted((project / "conf/base").glob("**/catalog*.y*ml")):
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise ProjectError(f"'{file}' is not YAML: {error}") from error
        yield from found.items()


def _is_local(entry: Any) -> bool:
    if not isinstance(entry, dict) or "type" not in entry:
        return False
    found = of_config(entry)
    return found.location == LOCAL and found.path is not None and not found.path.startswith("$")


def _on_s3(entry: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    moved: dict[str, Any] = {}
    for key, value in entry.items():
        if key in PATH_KEYS and isinstance(value, str):
            moved[key] = f"s3://{bucket}/{re.sub(r'^(file://|local://)?/*(data/)?', '', value)}"
        elif isinstance(value, dict) and ("type" in value or key == "checkpoint"):
            moved[key] = _on_s3(value, bucket)
        else:
            moved[key] = value
    return moved
