"""Impossible jobs, reported before anything is started."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dag.document import Dataset, Node
from dag.errors import InvalidRequestError

from .build import document, plan
from .graphs import make_node

REMOTE = Dataset("pickle.PickleDataset", "remote", versioned=False)
MEMORY = Dataset("MemoryDataset", "memory", versioned=False)


def asking(name: str, namespace: str | None = None, **resources: Any) -> Node:
    return replace(make_node(name, namespace=namespace), resources=resources)


def refused(nodes: list[Node], datasets: dict[str, Dataset] | None = None, **run: Any) -> list[str]:
    try:
        plan(document(nodes, datasets, **run), {})
    except InvalidRequestError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_nodes_of_one_job_that_want_different_places_are_named_with_what_they_want() -> None:
    nodes = [
        asking("a", "x.one", job_queue="queue", share_identifier="team"),
        asking("b", "x.two", job_queue="queue_2", share_identifier="crew"),
    ]
    where = "nodes 'a', 'b': share a job (data in memory, confirms, or group_by), but their"
    what_to_do = "Set one, or add what they pass to the catalog."
    assert refused(nodes, group_by=["namespace"]) == [
        f"{where} job_queue differs: 'queue', 'queue_2'. {what_to_do}",
        f"{where} share_identifier differs: 'crew', 'team'. {what_to_do}",
    ]
    assert refused(nodes) == []


def test_namespaces_that_share_their_first_part_share_a_job_and_its_size() -> None:
    nodes = [asking("a", "a.b", vcpus=8, memory=16_384), asking("b", "a.c", vcpus=4, memory=30_720)]
    assert refused(nodes, group_by=[], launch_type="FARGATE") == []
    assert refused(nodes, group_by=["namespace"], launch_type="FARGATE") == [
        (
            "nodes 'a', 'b': Fargate has no size of 8 vCPU with 30720 MiB. "
            "The nearest that is large enough is vcpus: 8, memory: 32768."
        )
    ]


def test_a_run_of_nodes_whose_input_another_leaves_in_memory_is_refused() -> None:
    nodes = [make_node("make", ["raw"], ["held"]), make_node("use", ["held", "lost"], ["end"])]
    whole = document(nodes, {"held": MEMORY, "lost": MEMORY})
    with pytest.raises(InvalidRequestError) as alone:
        plan(whole, {"nodes": ["use"]})
    cut = "dataset 'held': is read by 'use', and 'make', which leaves it in memory, is not among the nodes to run."
    nowhere = "dataset 'lost': is read by 'use', but no node makes it and it is not in the catalog."
    add = "it to conf/aws_batch/catalog.yml."
    assert list(map(str, alone.value.problems)) == [
        f"{cut} Run 'make' as well, or add {add}",
        f"{nowhere} Add {add}",
    ]
    with pytest.raises(InvalidRequestError) as together:
        plan(whole, {})
    assert list(map(str, together.value.problems)) == [f"{nowhere} Add {add}"]


def test_one_problem_names_all_that_ask_for_a_size_that_does_not_exist() -> None:
    nodes = [asking("a", vcpus=0.5), asking("b", vcpus=1), asking("c", vcpus=0.5, memory=8)]
    assert refused(nodes) == [
        "nodes 'a', 'c': EC2 gives a job whole vCPUs, at least one, not 0.5. Ask for 1, or use launch_type FARGATE."
    ]


@pytest.mark.parametrize("launch_type", ["EC2", "FARGATE"])
def test_what_machines_are_behind_another_queue_is_not_known(launch_type: str) -> None:
    nodes = [
        asking("small", vcpus=0.5, memory=1024, job_queue="queue_2"),
        asking("gpu", vcpus=6, memory=999, gpus=1, job_queue="queue_2"),
    ]
    assert refused(nodes, launch_type=launch_type) == []
    assert len(refused([replace(node, resources={**node.resources, "job_queue": "queue"}) for node in nodes])) == 1


def test_data_in_memory_can_t_pass_between_jobs() -> None:
    nodes = [make_node("a", [], ["held"]), make_node("b", ["held"], ["out"])]
    assert refused(nodes, {"held": MEMORY}) == []
    assert refused(nodes, {"held": MEMORY}, group_by=[]) == [
        (
            "dataset 'held': passes from node 'a' to 'b' in memory, but aws_batch.group_by does not hold 'memory'. "
            "Add it to conf/aws_batch/catalog.yml, or add 'memory' to group_by to run both nodes in one job."
        )
    ]
    together = [replace(node, tags=frozenset({"t"})) for node in nodes]
    assert refused(together, {"held": MEMORY}, group_by=["tag:t"]) == []


def test_data_under_two_names_has_to_be_stored_even_within_a_job() -> None:
    nodes = [make_node("a", [], ["t@a"]), make_node("b", ["t@b"], ["out"])]
    assert refused(nodes, {"t@a": REMOTE, "t@b": REMOTE}) == []
    assert refused(nodes, {"t@a": REMOTE, "t@b": MEMORY}) == [
        (
            "dataset 't@b': passes from node 'a' to 'b' as 't@a' and 't@b', of which 't@b' is not in the catalog. "
            "Add it to conf/aws_batch/catalog.yml."
        )
    ]


def test_the_message_has_the_first_of_several_problems_and_how_many_more_there_are() -> None:
    nodes = [asking("a", vcpus=0.5), asking("b", vcpus=1.5), asking("c", vcpus=2.5)]
    with pytest.raises(InvalidRequestError) as error:
        plan(document(nodes), {})
    assert str(error.value).startswith("node 'a': EC2 gives a job whole vCPUs, at least one, not 0.5.")
    assert str(error.value).endswith("(2 more like this.)")
