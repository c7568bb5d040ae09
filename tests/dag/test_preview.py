from __future__ import annotations

import json
from typing import Any

import pytest

from dag.document import digest_of, read_document
from dag.errors import InvalidRequestError
from dag.preview import preview

RUN = {
    "job_queue": "q",
    "job_definition": "d",
    "job_command": "job",
    "max_workers": 3,
    "group_by": ["memory", "tag:x"],
    "array_jobs": True,
    "on_failure": "abort",
    "memory_retry": None,
    "launch_type": "EC2",
}


def node(name: str, inputs: list[str], outputs: list[str], *tags: str) -> dict[str, Any]:
    names = {"name": name, "str": name, "namespace": None, "tags": list(tags)}
    return {**names, "inputs": inputs, "outputs": outputs, "resources": {"vcpus": 1}}


def document(*nodes: dict[str, Any], memory: tuple[str, ...] = ()) -> dict[str, Any]:
    names = {name for one in nodes for name in one["outputs"]}
    datasets = {
        name: {"type": "t", "location": "memory" if name in memory else "remote", "versioned": False} for name in names
    }
    about = {"format": 1, "project": "p", "package": "p", "kedro_version": "1.7.0", "environment": "e"}
    body = {**about, "nodes": list(nodes), "pipelines": {"__default__": list(range(len(nodes)))}, "datasets": datasets}
    return {**body, "run": RUN, "digest": digest_of({**body, "run": RUN})}


#: a → c in memory and a → b → c stored: apart, {a, c} and b would wait for each other.
CYCLE = (node("a", [], ["m", "s"]), node("b", ["s"], ["t"]), node("c", ["m", "t"], ["u"]))
FAN = tuple(node(f"f{index}", ["u"], [f"o{index}"]) for index in range(12))


def test_a_preview_tells_the_groups_why_they_arose_their_order_and_what_is_submitted() -> None:
    text = json.dumps(document(*CYCLE, *FAN, memory=("m",)))
    found = preview(read_document(text), {})
    first = found.groups[0]
    assert first.nodes == ("a", "b", "c")
    assert first.why == ("'m' stays in memory", "apart, they would wait for each other")
    assert [group.step for group in found.groups] == [0, *[1] * 12]
    assert [(job.step, len(job.groups), job.array) for job in found.jobs] == [(0, 1, False), (1, 12, True)]
    assert (found.nodes, found.settings["max_workers"]) == (15, 3)


def test_a_preview_tells_that_nodes_share_a_job_since_one_confirms_what_another_loaded() -> None:
    load, confirm = node("load", ["inbox"], ["x"]), {**node("confirm", ["x"], ["y"]), "confirms": ["inbox"]}
    found = preview(read_document(json.dumps(document(load, confirm))), {})
    assert [(group.nodes, group.why) for group in found.groups] == [
        (("load", "confirm"), ("'inbox' is confirmed as it was loaded",))
    ]


def test_a_preview_can_be_written_as_json() -> None:
    found = preview(read_document(json.dumps(document(*CYCLE))), {})
    told = json.loads(json.dumps(found.as_json()))
    assert (told["nodes"], [group["nodes"] for group in told["groups"]]) == (3, [["a"], ["b"], ["c"]])
    assert told["jobs"][0].keys() == {"step", "groups", "array", "job_queue", "job_definition", "bytes"}


def test_a_tag_that_ties_nodes_is_named() -> None:
    text = json.dumps(document(node("a", [], ["s"], "x"), node("b", [], ["t"], "x"), node("c", [], ["u"])))
    assert [(one.nodes, one.why) for one in preview(read_document(text), {}).groups] == [
        (("a", "b"), ("tag 'x'",)),
        (("c",), ()),
    ]


def test_what_start_run_would_refuse_is_refused_in_its_words() -> None:
    with pytest.raises(InvalidRequestError, match=r"no node.*'aa'|'aa'"):
        preview(read_document(json.dumps(document(*CYCLE))), {"nodes": ["aa"]})
