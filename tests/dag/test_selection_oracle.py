"""A request's nodes, with Kedro itself as the oracle.

If Kedro fails on something that a user plainly meant, the oracle is asked for that meaning, and a test names the
difference.
"""

from __future__ import annotations

import re
import warnings
from ast import literal_eval
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import event, given
from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node as KedroNode
from kedro.pipeline.pipeline import CircularDependencyError, OutputNotUniqueError

from dag.document import Node, base_name
from dag.errors import InvalidRequestError
from dag.selection import select

from .kedro_pipelines import Case, cases, compiled, outermost, positional

#: name, inputs, outputs, tags
Found = tuple[str, tuple[str, ...], tuple[str, ...], frozenset[str]]


@dataclass(frozen=True)
class Refusal:
    """Why nothing can run: the kind of error, the unknown names, and the names that may have been meant."""

    kind: str
    names: tuple[str, ...] = ()
    meant: frozenset[str] = frozenset()


#: Kedro's words, and ours.
KINDS = {
    "no such node": (r"does not contain nodes named (\[.*?\])", r"does not contain nodes named (\[.*?\])"),
    "no such dataset": (r"does not contain datasets named (\[.*?\])", r"does not contain datasets named (\[.*?\])"),
    "no such namespace": (r"with the following namespaces: (\[.*?\])", r"with the following namespaces: (\[.*?\])"),
    "nothing left": (r"contains no nodes after applying all", r"contains no nodes after applying all"),
    "no such pipeline": (r"^'(?P<name>.*)'$", r"There is no pipeline '(?P<name>[^']*)'"),
    "not to be combined": (
        r"must have unique names|are returned by more than one|Circular dependencies|without the separator",
        r"can't run together|form a cycle",
    ),
}


def by_kedro(case: Case) -> set[Found] | Refusal:
    """Return the nodes that `kedro run` would run, found as `KedroSession.run` does."""
    try:
        for name in case.pipelines:  # an unknown one is reported before two that can't be combined
            case.registered[name]
        combined = Pipeline([])
        for name in case.pipelines:
            combined += case.registered[name]
        meant = {kind: list(dict.fromkeys(names)) for kind, names in case.filters.items()}
        meant["namespaces"] = outermost(combined, meant.get("namespaces", []))
        filtered = combined.filter(
            tags=meant.get("tags"),
            from_nodes=meant.get("from_nodes"),
            to_nodes=meant.get("to_nodes"),
            node_names=meant.get("nodes"),
            from_inputs=meant.get("from_inputs"),
            to_outputs=meant.get("to_outputs"),
            node_namespaces=meant["namespaces"],
        )
    except (ValueError, KeyError, OutputNotUniqueError, CircularDependencyError) as error:
        return refusal(str(error), 0)
    return {(one.name, tuple(one.inputs), tuple(one.outputs), frozenset(one.tags)) for one in filtered.nodes}


def by_us(case: Case) -> set[Found] | Refusal:
    """Return the nodes that the service would run."""
    try:
        nodes = select(compiled(case.registered), case.pipelines, case.filters)
    except InvalidRequestError as error:
        return refusal(str(error), 1)
    _assert_they_can_run_in_this_order(nodes)
    return {(one.name, one.inputs, one.outputs, one.tags) for one in nodes}


def _assert_they_can_run_in_this_order(nodes: Sequence[Node]) -> None:
    assert len({one.name for one in nodes}) == len(nodes)
    missing = {base_name(name) for one in nodes for name in one.outputs}
    for one in nodes:
        assert not {base_name(name) for name in one.inputs} & missing
        missing -= {base_name(name) for name in one.outputs}


def refusal(message: str, whose: int) -> Refusal:
    """Return the content of a message, by Kedro (0) or by us (1)."""
    for kind, patterns in KINDS.items():
        if match := re.search(patterns[whose], message):
            names = match.groupdict().get("name")
            listed = [names] if names else literal_eval(match[1]) if match.groups() and match[1] else []
            ordered = sorted(listed) if kind == "no such node" else listed  # Kedro has them in a set
            meant = re.search(r"Did you mean: (\[.*?\])\?", message)
            return Refusal(kind, tuple(ordered), frozenset(literal_eval(meant[1])) if meant else frozenset())
    raise AssertionError(f"a refusal of no known kind: {message}")


@given(cases())
def test_a_request_means_the_nodes_that_kedro_run_would_run_or_both_refuse_it_for_one_reason(case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = by_kedro(case)
    event(expected.kind if isinstance(expected, Refusal) else "found")
    assert by_us(case) == expected


CORNERS = Pipeline(
    [
        node(positional, "raw", "table@pandas", name="write", namespace="a"),
        node(positional, "table@pandas", "left", name="same_format", namespace="a.b"),
        node(positional, ["table@spark", "params:m.x"], "right", name="other_format", namespace="ab"),
        node(positional, ["left", "parameters"], "end", name="join", tags=["t"]),
        node(positional, ["end", "right"], None, name="sink", tags=["t", "u"]),
    ]
)


@pytest.mark.parametrize(
    "filters",
    [
        {"from_inputs": ["table@spark"]},
        {"from_inputs": ["table@pandas"]},
        {"from_inputs": ["table"]},
        {"from_inputs": ["table@other"]},
        {"from_inputs": ["params:m.x"]},
        {"from_inputs": ["parameters", "raw"]},
        {"from_inputs": ["right"], "tags": ["u"]},
        {"to_outputs": ["table@pandas"]},
        {"to_outputs": ["table@spark"]},
        {"to_outputs": ["table"]},
        {"to_outputs": ["raw"]},
        {"to_outputs": ["end", "nope"]},
        {"namespaces": ["a"]},
        {"namespaces": ["a.b"]},
        {"namespaces": ["a.b.c"]},
        {"namespaces": ["ab", "nope", "a"]},
        {"to_nodes": ["sink"]},
        {"to_nodes": ["join"], "from_nodes": ["a.write"]},
        {"from_nodes": ["sink"]},
        {"from_nodes": ["write"]},
        {"nodes": ["b.same_format", "same_format"]},
        {"tags": ["t"], "nodes": ["join"]},
        {"tags": ["v"]},
        {"tags": []},
    ],
)
def test_the_corners_are_kedros(filters: dict[str, list[str]]) -> None:
    case = Case({"__default__": CORNERS}, ["__default__"], filters)
    assert by_us(case) == by_kedro(case)


CHAIN = Pipeline(
    [
        node(positional, "raw", "middle", name="first", namespace="a"),
        node(positional, "middle", "final", name="second", namespace="a.b"),
    ]
)


def names_of(**filters: Sequence[str]) -> list[str]:
    return [one.name for one in select(compiled({"__default__": CHAIN}), ["__default__"], filters)]


def test_a_node_that_is_named_twice_is_meant_once_where_kedro_fails() -> None:
    with pytest.raises(ValueError, match="must have unique names"):
        CHAIN.filter(node_names=["a.first", "a.first"])
    assert names_of(nodes=["a.first", "a.first"]) == ["a.first"]
    assert names_of(from_nodes=["a.first", "a.first"]) == ["a.first", "a.b.second"]


def test_namespaces_that_overlap_mean_their_union_where_kedro_fails() -> None:
    with pytest.raises(ValueError, match="must have unique names"):
        CHAIN.filter(node_namespaces=["a", "a.b"])
    assert names_of(namespaces=["a", "a.b"]) == ["a.first", "a.b.second"]


def test_a_name_that_nearly_matches_is_suggested_where_kedro_suggests_none() -> None:
    with pytest.raises(ValueError, match=r"nodes named \['a\.frist'\]\.$"):
        CHAIN.filter(node_names=["a.frist"])
    with pytest.raises(InvalidRequestError, match=r"nodes named \['a\.frist'\]\. Did you mean 'a\.first'\?"):
        names_of(nodes=["a.frist"])


def test_a_node_of_two_pipelines_with_other_tags_is_the_first_pipelines_node_as_in_kedro() -> None:
    document = compiled({"__default__": CHAIN, "nightly": Pipeline(CHAIN, tags="night")})
    assert [one.tags for one in select(document, ["__default__", "nightly"], {})] == [frozenset(), frozenset()]
    assert [one.tags for one in select(document, ["nightly", "__default__"], {})] == [frozenset({"night"})] * 2


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            node(positional, "middle", "result", name="first", namespace="a"),
            "Pipelines '__default__', 'other' can't run together: they have different nodes named 'a.first'.",
        ),
        (
            node(positional, "raw", "final", name="third"),
            "Pipelines '__default__', 'other' can't run together: nodes 'third' and 'a.b.second' both write 'final'.",
        ),
        (
            node(positional, "final@pandas", "result", name="third"),
            "Pipelines '__default__', 'other' can't run together: 'final' is used with and without transcoding.",
        ),
        (
            node(positional, "final", "raw", name="third"),
            "The pipelines form a cycle among the nodes a.b.second, a.first, third.",
        ),
    ],
)
def test_pipelines_that_cannot_be_combined_are_refused_as_in_kedro(other: KedroNode, message: str) -> None:
    registered = {"__default__": CHAIN, "other": Pipeline([other])}
    with pytest.raises((ValueError, OutputNotUniqueError, CircularDependencyError)):
        sum(registered.values())
    with pytest.raises(InvalidRequestError) as refused:
        select(compiled(registered), ["__default__", "other"], {})
    assert str(refused.value) == message
