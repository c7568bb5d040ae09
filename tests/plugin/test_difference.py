from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dag.difference import fingerprints
from dag.document import digest_of, read_document
from kedro_aws_batch.graph.difference import explain_difference

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden/graph_document.json").read_text(encoding="utf-8")
)


def fingerprints_of(document: dict[str, Any]) -> dict[str, Any]:
    return fingerprints(read_document(json.dumps(document)))


def fingerprint(entry: Any) -> str:
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def test_fingerprints_are_of_the_document_s_own_entries() -> None:
    found = fingerprints_of(GOLDEN)
    assert found["nodes"] == {node["name"]: fingerprint(node) for node in GOLDEN["nodes"]}
    assert found["datasets"] == {name: fingerprint(entry) for name, entry in GOLDEN["datasets"].items()}
    assert found["run"] == {key: fingerprint(value) for key, value in GOLDEN["run"].items()}


def changed(**changes: Any) -> dict[str, Any]:
    document = {**copy.deepcopy(GOLDEN), **changes}
    return {**document, "digest": digest_of(document)}


def without(name: str) -> dict[str, Any]:
    gone = next(index for index, node in enumerate(GOLDEN["nodes"]) if node["name"] == name)
    pipelines = {
        key: [index - (index > gone) for index in indices if index != gone]
        for key, indices in GOLDEN["pipelines"].items()
    }
    return changed(nodes=[node for node in GOLDEN["nodes"] if node["name"] != name], pipelines=pipelines)


FIRST = GOLDEN["nodes"][0]
RETAGGED = [{**FIRST, "tags": [*FIRST["tags"], "new"]}, *GOLDEN["nodes"][1:]]


@pytest.mark.parametrize(
    ("mine", "deployed", "what"),
    [
        (GOLDEN, without(FIRST["name"]), f"node '{FIRST['name']}' added."),
        (without(FIRST["name"]), GOLDEN, f"node '{FIRST['name']}' removed."),
        (changed(nodes=RETAGGED), GOLDEN, f"node '{FIRST['name']}' changed."),
        (changed(run={**GOLDEN["run"], "max_workers": 7}), GOLDEN, "setting 'max_workers' changed."),
        (changed(pipelines={**GOLDEN["pipelines"], "more": [0]}), GOLDEN, "pipeline 'more' added."),
        (changed(kedro_version="1.0.0"), GOLDEN, "it was compiled by another version of Kedro"),
    ],
)
def test_what_differs_is_named(mine: dict[str, Any], deployed: dict[str, Any], what: str) -> None:
    sentence = explain_difference(mine, fingerprints_of(deployed))
    assert sentence.startswith(f"This project is not what was deployed: {what}")
    assert sentence.endswith("Deploy again, or check out what was deployed.")


def test_another_environment_is_said_before_all_that_differs_with_it() -> None:
    assert "is of environment 'aws_batch', and this is 'other'" in explain_difference(
        changed(environment="other"), fingerprints_of(GOLDEN)
    )


def test_a_graph_too_large_to_tell_still_gets_the_advice() -> None:
    assert (
        explain_difference(GOLDEN, None)
        == "The deployed graph is another project's. Deploy again, or check out what was deployed."
    )
