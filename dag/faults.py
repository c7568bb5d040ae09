"""Finds what is wrong with a run's groups before anything is started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .document import GraphDocument, Node, base_name
from .grouping import is_in_memory
from .problems import Problem, listed
from .resources import disagreements
from .sizes import impossible
from .splitting import JobNodes, split_faults


def faults(document: GraphDocument, config: Mapping[str, Any], groups: Sequence[JobNodes]) -> list[Problem]:
    """Return why these groups' jobs could not run: sizes that no machine has, and data lost between jobs."""
    return [
        *(problem for asking in groups for problem in _disagreements(asking)),
        *_impossible_sizes(config, groups),
        *_lost(document, groups),
        *split_faults(document, config, groups),
        *lost_in_memory(document, [node for asking in groups for node in asking.nodes]),
    ]


def lost_in_memory(document: GraphDocument, nodes: Sequence[Node]) -> Iterator[Problem]:
    """Yield a problem for each dataset in memory that these nodes read but none of them makes."""
    made = {base_name(name) for node in nodes for name in node.outputs}
    readers: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        for name in dict.fromkeys(node.inputs):
            if base_name(name) not in made and name in document.datasets and is_in_memory(name, document.datasets):
                readers[name].append(node.name)
    makers = {base_name(name): node.name for node in document.nodes for name in node.outputs}
    for name, of in readers.items():
        add = f"dd it to conf/{document.environment}/catalog.yml."
        if base_name(name) not in makers:
            what = f"is read by {listed(of)}, but no node makes it and it is not in the catalog."
            yield Problem(f"dataset '{name}'", what, f"A{add}")
        else:
            maker = makers[base_name(name)]
            what = f"is read by {listed(of)}, and '{maker}', which leaves it in memory, is not among the nodes to run."
            yield Problem(f"dataset '{name}'", what, f"Run '{maker}' as well, or a{add}")


def _disagreements(asking: JobNodes) -> Iterator[Problem]:
    for key, values in disagreements(asking.wanted).items():
        yield Problem(
            f"nodes {listed(node.name for node in asking.nodes)}",
            f"share a job (data in memory, confirms, or group_by), but their {key} differs: {listed(values)}.",
            "Set one, or add what they pass to the catalog.",
        )


def _impossible_sizes(config: Mapping[str, Any], groups: Iterable[JobNodes]) -> Iterator[Problem]:
    """Yield one problem for each impossible size, with all nodes that ask for it."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for asking in groups:
        elsewhere = asking.resources.get("job_queue", config["job_queue"]) != config["job_queue"]
        kinds = ("EC2", "FARGATE") if elsewhere else (config["launch_type"],)  # another queue may have either
        if wrong := impossible(asking.resources, kinds):
            names[wrong] += [node.name for node in asking.nodes]
    for (what, to_do), of in names.items():
        yield Problem(f"node{'s' if len(of) > 1 else ''} {listed(of)}", what, to_do)


def _lost(document: GraphDocument, groups: Sequence[JobNodes]) -> Iterator[Problem]:
    """Yield a problem for each dataset in memory that one job makes and another reads."""
    makers = {
        base_name(name): (node, name, index)
        for index, asking in enumerate(groups)
        for node in asking.nodes
        for name in node.outputs
    }
    for index, asking in enumerate(groups):
        for consumer in asking.nodes:
            for taken in dict.fromkeys(consumer.inputs):
                if base_name(taken) not in makers:
                    continue
                producer, output, home = makers[base_name(taken)]
                held = [name for name in dict.fromkeys((output, taken)) if is_in_memory(name, document.datasets)]
                if held and (home != index or output != taken):
                    way = f"from node '{producer.name}' to '{consumer.name}'"
                    yield _lost_on_its_way(document, (output, taken), held, way)


def _lost_on_its_way(document: GraphDocument, names: Sequence[str], held: Sequence[str], way: str) -> Problem:
    add = f"Add it to conf/{document.environment}/catalog.yml"
    if names[0] != names[1]:
        what = f"passes {way} as '{names[0]}' and '{names[1]}', of which {listed(held)} is not in the catalog."
        return Problem(f"dataset '{held[0]}'", what, f"{add}.")
    what = f"passes {way} in memory, but aws_batch.group_by does not hold 'memory'."
    return Problem(f"dataset '{held[0]}'", what, f"{add}, or add 'memory' to group_by to run both nodes in one job.")
