"""Random Kedro pipelines, with everything that Kedro allows, and random filters for them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from dag.document import GraphDocument, base_name, is_parameter, read_document
from dag.namespaces import in_namespace
from kedro_aws_batch.graph.compile import compile_project, to_json
from kedro_aws_batch.graph.project import Project

TAGS = ("training", "gpu", "night.ly")
NAMESPACES = ("a", "a.b", "a.b.c", "ab", "b", "with space", "with,comma")
NAMES = ("train", "split", "n-1", "größe", "b.train", "a.split")
FREE_INPUTS = ("raw", "table@pandas", "table@spark", "params:x", "params:x.y", "parameters")
FILTERS = ("tags", "from_nodes", "to_nodes", "nodes", "from_inputs", "to_outputs", "namespaces")


def positional(*args: Any) -> Any:
    """Be a node's function."""
    return args


def by_name(**kwargs: Any) -> Any:
    """The function of a node with named inputs."""
    return kwargs


FUNCTIONS = (positional, lambda *args: args, partial(positional, 1))

# Made once, since making a strategy takes longer than drawing from it.
_BOOLEANS = st.booleans()
_SIZES, _TWENTIETHS = st.integers(1, 7), st.integers(1, 20)
_OUTPUTS = st.integers(0, 2)
_FUNCTION, _TAG, _NAMESPACE = st.sampled_from(FUNCTIONS), st.sampled_from(TAGS), st.sampled_from(NAMESPACES)
_NAME = st.sampled_from((None, None, *NAMES))
_NAMESPACE_OR_NONE = st.sampled_from((None, None, None, *NAMESPACES))
_TAGS = st.sets(_TAG, max_size=2)
_KINDS = st.sets(st.sampled_from(("empty", "inner", "other", "part", "tagged")), max_size=3)
_FILTERS = st.lists(st.sampled_from(FILTERS), max_size=3, unique=True)


@dataclass(frozen=True)
class Case:
    """Registered pipelines, and a request for them."""

    registered: Mapping[str, Pipeline]
    pipelines: Sequence[str]
    filters: Mapping[str, Sequence[str]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a project, and a request that makes sense more often than not."""
    with warnings.catch_warnings():  # Kedro warns of dots in names and of namespaces that are interrupted
        warnings.simplefilter("ignore")
        registered = _registered(draw)
        wanted = draw(st.lists(st.sampled_from(sorted(registered)), min_size=1, max_size=3))
        if draw(_TWENTIETHS) == 20:
            wanted.append("defualt")
        nodes = [one for name in wanted for one in registered.get(name, Pipeline([])).nodes]
        return Case(registered, wanted, _filters(draw, nodes))


def compiled(registered: Mapping[str, Pipeline]) -> GraphDocument:
    """Return the document of these pipelines, as the plugin would compile it."""
    parameters = {"aws_batch": {"job_queue": "queue", "job_definition": "definition"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        project = Project(Path("/nowhere"), "random", "aws_batch", registered, DataCatalog(), parameters)
        return read_document(to_json(compile_project(project).document))


def outermost(pipeline: Pipeline, namespaces: Sequence[str]) -> list[str]:
    """Leave out namespaces within others of the list: Kedro takes their nodes twice, and fails."""
    inhabited = {one.namespace for one in pipeline.nodes if one.namespace}
    return [
        name
        for name in namespaces
        if not any(in_namespace(name, other) and name != other for other in namespaces)
        or not any(in_namespace(one, name) for one in inhabited)
    ]


def _registered(draw: st.DrawFn) -> dict[str, Pipeline]:
    whole = Pipeline(_nodes(draw))
    registered = {"__default__": whole}
    kinds = draw(_KINDS)
    if "empty" in kinds:
        registered["empty"] = Pipeline([])
    if "inner" in kinds:
        free = sorted({base_name(name) for name in whole.inputs() if not is_parameter(name)})
        kept = draw(st.sets(st.sampled_from(free))) if free else set()
        registered["inner"] = Pipeline(whole, namespace=draw(_NAMESPACE), inputs=kept)
    if "other" in kinds:
        registered["other"] = Pipeline(_nodes(draw))
    if "part" in kinds:
        registered["part"] = Pipeline(draw(st.lists(st.sampled_from(whole.nodes), unique_by=lambda one: one.name)))
    if "tagged" in kinds:
        registered["tagged"] = Pipeline(whole, tags=draw(_TAG))
    return registered


def _nodes(draw: st.DrawFn) -> list[Node]:
    made: list[str] = []
    nodes: dict[str, Node] = {}
    for index in range(draw(_SIZES)):
        known = [*FREE_INPUTS, *made]
        inputs = draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
        outputs = [f"d{index}{letter}" for letter in "xy"[: draw(_OUTPUTS) or not inputs]]
        for place, output in enumerate(outputs):
            transcoded = draw(_BOOLEANS)
            made += [f"{output}@pandas", f"{output}@spark"] if transcoded else [output]
            outputs[place] = f"{output}@pandas" if transcoded else output
        new = _node(draw, inputs, outputs, None)
        if new.name in nodes:
            new = _node(draw, inputs, outputs, f"again{index}")
        nodes[new.name] = new
    return list(nodes.values())


def _node(draw: st.DrawFn, inputs: list[str], outputs: list[str], name: str | None) -> Node:
    tagged: dict[str, Any] = {"name": name or draw(_NAME), "tags": draw(_TAGS), "namespace": draw(_NAMESPACE_OR_NONE)}
    named = draw(_BOOLEANS)
    if inputs and named:
        return node(by_name, {f"x{place}": name for place, name in enumerate(inputs)}, outputs or None, **tagged)
    return node(draw(_FUNCTION), inputs or None, outputs or None, **tagged)


def _filters(draw: st.DrawFn, nodes: Sequence[Node]) -> dict[str, list[str]]:
    known = _known(nodes)
    kinds = draw(_FILTERS)
    return {kind: draw(_some(known[kind])) for kind in kinds}


def _some(names: tuple[list[str], list[str]]) -> st.SearchStrategy[list[str]]:
    """Return lists of names that are right for the most part."""
    right, odd = names
    mostly = st.sampled_from(right or odd)
    return st.one_of(
        st.lists(mostly, min_size=1, max_size=3),
        st.lists(mostly, min_size=1, max_size=3),
        st.lists(st.sampled_from(right + odd), max_size=3),
    )


def _known(nodes: Sequence[Node]) -> dict[str, tuple[list[str], list[str]]]:
    """Return, for each kind of filter, names that mean something, and some that may not."""
    full = [one.name for one in nodes]
    short = [name.rpartition(".")[2] for name in full]
    datasets = _unique(name for one in nodes for name in [*one.inputs, *one.outputs])
    bases = _unique(map(base_name, datasets))
    spaces = _unique(one.namespace for one in nodes if one.namespace)
    outer = _unique(".".join(space.split(".")[:depth]) for space in spaces for depth in range(1, 4))
    by_node = full, [*short, "trian", "nope"]
    by_dataset = datasets + bases, [*(f"{base}@other" for base in bases), *(f"{base}@spark" for base in bases), "nope"]
    return {
        "tags": (list(TAGS), ["nope"]),
        "nodes": by_node,
        "from_nodes": by_node,
        "to_nodes": by_node,
        "from_inputs": by_dataset,
        "to_outputs": by_dataset,
        "namespaces": (outer, [*NAMESPACES, "a.", "nope"]),
    }


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
