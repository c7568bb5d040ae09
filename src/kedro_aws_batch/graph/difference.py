"""How a project's graph differs from the deployed one, in words (docs/contracts.md, GraphMismatch)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.difference import fingerprints
from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch._service.dag.problems import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECTIONS = {"nodes": "node", "pipelines": "pipeline", "datasets": "dataset", "run": "setting"}


def explain_difference(document: Mapping[str, Any], deployed: Mapping[str, Any] | None) -> str:
    """Return one or two sentences: how the project differs from the deployed graph, and what to do."""
    to_do = "Deploy again, or check out what was deployed."
    if not deployed:
        return f"The deployed graph is another project's. {to_do}"
    if deployed["environment"] != document["environment"]:
        return (
            f"The deployed graph is of environment '{deployed['environment']}', and this is "
            f"'{document['environment']}'. Run with --env={deployed['environment']}, or deploy this one."
        )
    found = list(_differences(fingerprints(read_document(json.dumps(document))), deployed))
    if not found:
        found = ["it was compiled by another version of Kedro or under another package name"]
    return f"This project is not what was deployed: {'; '.join(found)}. {to_do}"


def _differences(mine: Mapping[str, Any], deployed: Mapping[str, Any]) -> Iterator[str]:
    """Yield the differences; those of datasets and pipelines only if the nodes don't explain them."""
    nodes = list(_of_section("nodes", mine, deployed))
    yield from nodes
    for section in ("run",) if nodes else ("pipelines", "datasets", "run"):
        yield from _of_section(section, mine, deployed)


def _of_section(section: str, mine: Mapping[str, Any], deployed: Mapping[str, Any]) -> Iterator[str]:
    here, there = mine[section], deployed.get(section, {})
    changes = {
        "added": [name for name in here if name not in there],
        "removed": [name for name in there if name not in here],
        "changed": [name for name in here if name in there and here[name] != there[name]],
    }
    for change, names in changes.items():
        if names:
            noun = SECTIONS[section] + ("s" if len(names) > 1 else "")
            yield f"{noun} {listed(sorted(names), limit=3)} {change}"
