"""A stage's directory: the zip, and beside it the templates and their input."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedro_aws_batch._service.dag.document import GraphDocument, read_document
from kedro_aws_batch._service.dag.errors import DagError
from kedro_aws_batch.package.archive import Packaged, build_zip
from kedro_aws_batch.package.data import job_policies, reuse_policy
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.package.names import names
from kedro_aws_batch.package.schedules import Schedules, read_schedules
from kedro_aws_batch.service_root import PACKAGED, TEMPLATE, service_root

#: The functions' zip in a stage's directory, besides the templates and PACKAGED.
ZIP = "service.zip"
#: The name of the service's own serverless.yml beside a project's, which takes parts from it.
SERVICE = "service.yml"

_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")


@dataclass(frozen=True)
class StageSettings:
    """The templates' input that comes neither from the graph nor from `--param`."""

    service: str = (
        "kedro-aws-batch"  #: with the stage, such as `-dev`, the prefix of the functions' names and the stack's name
    )
    buckets: Sequence[str] = ()  #: for jobs to read and write: names, or `name/prefix` for a part of one
    reuse_buckets: Sequence[str] = ()  #: for start_run to list, in the same form
    tags: Mapping[str, str] = field(default_factory=dict)  #: the user's, for the whole stack
    schedules: Path | None = None  #: a YAML file, see `read_schedules`
    project: Path | None = None  #: its serverless.yml reads the directory; None if that stands alone


def stage(graph_document: Path, directory: Path, settings: StageSettings = StageSettings()) -> Packaged:
    """Fill a directory with what `osls deploy` deploys: the templates, the zip, packaged.json.

    The serverless.yml of `settings.project` deploys it, or else one in the directory. Earlier contents are
    replaced. Raises PackageError.
    """
    graph = _read(graph_document)
    if not _SERVICE.fullmatch(settings.service):
        raise PackageError(f"'{settings.service}' can't be a service's name: use letters, digits and single hyphens.")
    place = _place(directory, settings.project)
    mark = _schedule_mark(directory)
    schedules = read_schedules(settings.schedules, graph, mark) if settings.schedules else Schedules()
    wanted = {
        "service": settings.service,
        "artifact": f"{place}{ZIP}",
        **schedules.packaged(),
        "tags": dict(settings.tags),
        "scheduleMark": mark if schedules.any else "",
        "jobPolicies": job_policies(settings.buckets),
        "reusePolicy": reuse_policy(settings.reuse_buckets),
        "reuseBuckets": ",".join(settings.reuse_buckets),
    }
    directory.mkdir(parents=True, exist_ok=True)
    packaged = build_zip(graph_document, directory / ZIP)
    described = {**contents_of(graph, packaged), **wanted}
    (directory / PACKAGED).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    _copy_templates(directory, place)
    return packaged


def _schedule_mark(directory: Path) -> str:
    """Return the mark by which start_run knows its schedules: the earlier one if known, so that nothing changes."""
    try:
        before = json.loads((directory / PACKAGED).read_text(encoding="utf-8"))["scheduleMark"]
    except (OSError, ValueError, KeyError):
        before = ""
    return str(before) or secrets.token_hex(16)


def _place(directory: Path, project: Path | None) -> str:
    """Return the directory's path for osls, which reads paths from the folder of its serverless.yml."""
    if project is None:
        return ""
    try:
        return f"{directory.resolve().relative_to(project.resolve()).as_posix()}/"
    except ValueError as error:
        raise PackageError(f"{directory} is not within the project, so its serverless.yml can't read it.") from error


def _copy_templates(directory: Path, place: str) -> None:
    root = service_root()
    shutil.rmtree(directory / "resources", ignore_errors=True)
    for source in (root / "resources").rglob("*.yml"):  # not copytree, to set modes by the umask
        target = directory / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    shutil.copyfile(root / TEMPLATE, directory / (SERVICE if place else TEMPLATE))
    for path in (*directory.glob("*.yml"), *directory.glob("resources/**/*.yml")) if place else ():
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"file\((?=resources/|packaged\.json)", f"file({place}", text), encoding="utf-8")


def service_and_stage(prefix: str) -> tuple[str, str]:
    """Return the parts of a prefix of functions' names: `a-b-dev` is the service `a-b` and the stage `dev`.

    Raises PackageError.
    """
    service, hyphen, stage_name = prefix.rpartition("-")
    if not hyphen or not stage_name:
        raise PackageError(
            f"The functions' names can't begin with '{prefix}': it must end in a hyphen and a stage, as in "
            f"'{prefix.strip('-')}-dev'. Change `service` in the aws_batch parameters."
        )
    return service, stage_name


def contents_of(graph: GraphDocument, packaged: Packaged) -> dict[str, Any]:
    """Return the templates' input about a zip and its graph."""
    return {
        "runtime": packaged.runtime,
        "zip": {"sha256": packaged.digest, "size": packaged.size},
        "graphDigest": graph.digest,
        "launchType": graph.run["launch_type"].lower(),
        "platform": graph.run["launch_type"],
        **names(graph.project, _used(graph, "job_queue"), _used(graph, "job_definition")),
    }


def _used(graph: GraphDocument, key: str) -> list[str]:
    """Return the run's own queue or definition, then those of single nodes."""
    usual = graph.run.get(key)
    asked = {node.resources[key] for node in graph.nodes if node.resources.get(key)}
    found = ([usual] if usual else []) + sorted(asked - {usual})
    if not found:
        raise PackageError(f"The graph names no {key}: set one in the aws_batch parameters, then compile it again.")
    return found


def _read(path: Path) -> GraphDocument:
    try:
        return read_document(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, DagError) as error:
        raise PackageError(
            f"The graph document {path} can't be packaged: {error} `kedro aws-batch compile` writes one."
        ) from error
