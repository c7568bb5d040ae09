"""Groups of nodes: data in memory stays together, no cycle is made, and nothing is grouped without need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.errors import InvalidRequestError
from dag.grouping import group, strongly_connected

from .graphs import GROUP_BY, Graph, graphs, make_node, stored

wishes = st.lists(st.sampled_from(GROUP_BY), unique=True)


@given(graphs(), wishes)
def test_groups_are_the_strongly_connected_components_of_what_is_wanted_together(
    graph: Graph, group_by: list[str]
) -> None:
    members, _ = group(graph.nodes, graph.datasets, group_by)
    assert {frozenset(one) for one in members} == by_reach(graph, group_by)


@given(graphs(), wishes)
def test_each_node_is_in_one_group_and_keeps_its_place_among_the_others(graph: Graph, group_by: list[str]) -> None:
    members, _ = group(graph.nodes, graph.datasets, group_by)
    assert sorted(index for one in members for index in one) == list(range(len(graph.nodes)))
    assert all(one == sorted(one) for one in members)


@given(graphs(), wishes)
def test_parents_are_the_groups_that_write_what_a_group_reads_and_all_come_before_it(
    graph: Graph, group_by: list[str]
) -> None:
    members, parents = group(graph.nodes, graph.datasets, group_by)
    home = {index: place for place, one in enumerate(members) for index in one}
    expected: list[set[int]] = [set() for _ in members]
    for above, below in graph.edges:
        if home[above] != home[below]:
            expected[home[below]].add(home[above])
    assert parents == [sorted(one) for one in expected]
    assert all(above < place for place, one in enumerate(parents) for above in one)


@given(graphs(), wishes)
def test_what_passes_in_memory_stays_in_its_group(graph: Graph, group_by: list[str]) -> None:
    members, _ = group(graph.nodes, graph.datasets, {*group_by, "memory"})
    home = {index: place for place, one in enumerate(members) for index in one}
    assert [edge for edge in graph.memory_edges if home[edge[0]] != home[edge[1]]] == []


@given(graphs(), wishes)
def test_the_order_of_the_wishes_does_not_matter(graph: Graph, group_by: list[str]) -> None:
    assert group(graph.nodes, graph.datasets, group_by) == group(graph.nodes, graph.datasets, group_by[::-1])


@given(st.dictionaries(st.integers(0, 8), st.sets(st.integers(0, 8)), max_size=9))
def test_components_are_what_reaches_each_other(some: dict[int, set[int]]) -> None:
    edges = {**{child: set[int]() for following in some.values() for child in following}, **some}
    pairs = {(above, below) for above, following in edges.items() for below in following}
    expected = {one for one in mutual(pairs, edges) if len(one) > 1}
    found = strongly_connected(edges)
    assert {frozenset(one) for one in found} == expected
    assert len(found) == len(expected)


def test_memory_round_a_stored_detour_takes_the_detour_in() -> None:
    nodes = [
        make_node("a", ["raw"], ["stored", "in_memory"]),
        make_node("b", ["stored"], ["also_stored"]),
        make_node("c", ["in_memory", "also_stored"], ["end"]),
        make_node("d", ["end"]),
    ]
    datasets = stored("raw", "stored", "also_stored", "end")
    assert group(nodes, datasets, ["memory"]) == ([[0, 1, 2], [3]], [[], [0]])
    assert group(nodes, datasets, []) == ([[0], [1], [2], [3]], [[], [0], [0, 1], [2]])


def test_memory_is_memory_whatever_the_transcoding() -> None:
    nodes = [make_node("a", [], ["d@pandas"]), make_node("b", ["d@spark"])]
    assert group(nodes, {}, ["memory"]) == ([[0, 1]], [[]])


def test_a_namespace_is_its_first_part_and_a_node_without_one_stays_alone() -> None:
    spaces = [None, "a", "a.b", "ab", None]
    nodes = [make_node(f"n{index}", [], [f"d{index}"], space) for index, space in enumerate(spaces)]
    members, _ = group(nodes, stored(*(f"d{index}" for index in range(5))), ["namespace"])
    assert members == [[0], [1, 2], [3], [4]]


def test_parameters_that_two_nodes_read_do_not_join_them() -> None:
    nodes = [make_node("a", ["params:x", "parameters"]), make_node("b", ["params:x", "parameters"])]
    assert group(nodes, {}, ["memory"]) == ([[0], [1]], [[], []])


def test_what_is_loaded_and_confirmed_later_is_loaded_and_confirmed_by_one_job() -> None:
    nodes = [
        make_node("load", ["inbox"], ["x"]),
        make_node("other", ["inbox"], ["y"]),
        make_node("between", ["x"], ["z"]),
        replace(make_node("confirm", ["z"], ["end"]), confirms=("inbox", "unread")),
        make_node("apart", ["y"], ["w"]),
    ]
    everything = stored("inbox", "x", "y", "z", "end", "w")
    assert group(nodes, everything, []) == ([[0, 1, 2, 3], [4]], [[], [0]])
    assert group(nodes[2:], everything, []) == ([[0], [1], [2]], [[], [0], []])


def test_a_wish_that_is_unknown_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        group([make_node("a")], {}, ["memry"])
    assert str(refused.value) == "group_by has 'memry'; it may have 'memory', 'namespace' and 'tag:<name>'."


@pytest.mark.parametrize("length", [1_200, 20_000])
@pytest.mark.timeout(60)
def test_a_long_chain_is_grouped_without_recursion(length: int) -> None:
    nodes = [make_node(f"n{i}", [f"d{i - 1}"] if i else [], [f"d{i}"]) for i in range(length)]
    everything = stored(*(f"d{i}" for i in range(length)))
    alone = [[i] for i in range(length)]
    assert group(nodes, everything, ["memory"]) == (alone, [[], *alone[:-1]])
    assert group(nodes, {}, ["memory"]) == ([list(range(length))], [[]])
    ends = {name: one for name, one in everything.items() if name != "d0"}  # n0 and n1 share memory, and so does …
    nodes[-1] = make_node("last", [f"d{length - 2}", "d0"], ["end"])  # … the last, and all between them
    assert group(nodes, ends, ["memory"]) == ([list(range(length))], [[]])


def by_reach(graph: Graph, group_by: Sequence[str]) -> set[frozenset[int]]:
    """Return the groups: everything on a cycle of wanted groups is one group."""
    rings = {pair for together in wanted(graph, group_by) for pair in pairwise([*together, *together[:1]])}
    return mutual(graph.edges | rings, range(len(graph.nodes)))


def mutual(edges: Collection[tuple[int, int]], vertices: Iterable[int]) -> set[frozenset[int]]:
    """Return the sets of vertices that reach each other."""
    reach = {vertex: reached(edges, vertex) for vertex in vertices}
    return {frozenset(other for other in reach[vertex] if vertex in reach[other]) for vertex in reach}


def reached(edges: Collection[tuple[int, int]], start: int) -> set[int]:
    """Return what can be reached from a vertex, itself included."""
    found = {start}
    while more := {below for above, below in edges if above in found} - found:
        found |= more
    return found


def wanted(graph: Graph, group_by: Sequence[str]) -> list[list[int]]:
    """Return the nodes that each wish wants together."""
    everyone = range(len(graph.nodes))
    together = [list(edge) for edge in graph.memory_edges] if "memory" in group_by else []
    if "namespace" in group_by:
        tops = {i: str(graph.nodes[i].namespace).split(".")[0] for i in everyone if graph.nodes[i].namespace}
        together += [[i for i in tops if tops[i] == top] for top in set(tops.values())]
    for tag in ("gpu", "night", "nobody"):
        if f"tag:{tag}" in group_by:
            together.append([i for i in everyone if tag in graph.nodes[i].tags])
    return together
