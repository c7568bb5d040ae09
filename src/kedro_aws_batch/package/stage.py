"""What is deployed: the zip, and beside it the templates and what they need to know of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kedro_aws_batch.package.archive import Packaged, build_zip
from kedro_aws_batch.package.errors import PackageError
from kedro_aws_batch.service_root import service_root

#: In a directory that can be deployed: what serverless.yml reads besides itself.
ZIP, PACKAGED = "service.zip", "packaged.json"


def stage(graph_document: Path, directory: Path) -> Packaged:
    """Fill a directory that `osls deploy` deploys: serverless.yml, resources/, the zip, packaged.json.

    What lies there of an earlier time is replaced. Raises PackageError.
    """
    packaged = build_zip(graph_document, directory / ZIP)
    described = describe(_read(graph_document), packaged)
    (directory / PACKAGED).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    root = service_root()
    shutil.copyfile(root / "serverless.yml", directory / "serverless.yml")
    shutil.rmtree(directory / "resources", ignore_errors=True)
    shutil.copytree(root / "resources", directory / "resources")
    return packaged


def describe(graph: Mapping[str, Any], packaged: Packaged) -> dict[str, Any]:
    """Return what the templates need to know of a zip and the graph in it."""
    return {
        "runtime": packaged.runtime,
        "zip": {"sha256": packaged.digest, "size": packaged.size},
        "graphDigest": graph["digest"],
        **names(graph["project"], _used(graph, "job_queue"), _used(graph, "job_definition")),
    }


def names(project: str, queues: Iterable[str], definitions: Iterable[str]) -> dict[str, Any]:
    """Return a project and what of Batch its runs may use, the usual ones first, as the templates want it."""
    queues, definitions = list(queues), list(definitions)
    return {
        "project": project,
        "jobNamePrefix": f"{project}--",
        "jobQueue": queues[0],
        "jobQueues": ",".join(queues),
        "jobQueueArns": [_arn(f"job-queue/{name}") for name in queues],
        "jobDefinition": definitions[0],
        "jobDefinitions": ",".join(definitions),
        # SubmitJob is authorised for the name alone where no revision is asked for, else for name and revision.
        "jobDefinitionArns": [_arn(f"job-definition/{name}{end}") for name in definitions for end in ("", ":*")],
    }


def _arn(resource: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:batch:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"}


def _used(graph: Mapping[str, Any], key: str) -> list[str]:
    """Return the run's own queue or definition, then those that some nodes ask for."""
    usual = graph["run"].get(key)
    asked = {node["resources"][key] for node in graph["nodes"] if node["resources"].get(key)}
    found = ([usual] if usual else []) + sorted(asked - {usual})
    if not found:
        raise PackageError(
            f"The graph names no {key}: say which one in the aws_batch parameters, then compile it again."
        )
    return found


def _read(graph_document: Path) -> dict[str, Any]:
    try:
        graph = json.loads(graph_document.read_text(encoding="utf-8"))
        if graph["format"] != 1:
            raise PackageError(
                f"{graph_document} is of format {graph['format']!r}, not 1: compile it with this version."
            )
        return dict(graph)
    except (ValueError, TypeError, KeyError) as error:
        raise PackageError(
            f"{graph_document} is not a graph document: `kedro aws-batch compile` writes one."
        ) from error
