"""Splits a run's groups: which input is split, what would be wrong, and which group waits for which.

A split node becomes several groups, and each gets the partitions of its slice. A group that follows waits for all of
them. There is one exception: a node split into as many slices, over the output of a node that keeps its ids, waits only
for the slice of its own number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from .document import Dataset, GraphDocument, Node, Resources, base_name, is_parameter
from .errors import RunTooLargeError, did_you_mean
from .problems import Problem, listed
from .resources import combine
from .slices import Slice

#: A run with more is refused: its plan would outgrow a function's memory.
MOST_EDGES = 1_000_000
_TYPE = "partitions.PartitionedDataset"


@dataclass(frozen=True)
class JobNodes:
    """The nodes that share a job, and what each asks for."""

    nodes: Sequence[Node]
    wanted: Sequence[Resources]

    @cached_property
    def resources(self) -> Resources:
        """Return what the job asks for."""
        return combine(self.wanted)


@dataclass(frozen=True)
class Split:
    """A node's `split`."""

    into: int
    over: str | None = None
    new_ids: bool = False


def asked(resources: Resources) -> Split | None:
    """Return how to split a node; None for no split, and for one slice, which is the whole node."""
    value: Any = resources.get("split")
    said = value if isinstance(value, Mapping) else {"into": value}
    into = said["into"]
    return None if into in (None, 1) else Split(into, said.get("over"), said.get("ids") == "new")


@dataclass(frozen=True)
class Splitting:
    """How a run's jobs are split, by their indices, without jobs that aren't."""

    jobs: Mapping[int, Slice]  #: the first slice of each
    #: (parent, child) pairs in which each slice waits only for that of its own number.
    along: Collection[tuple[int, int]] = ()


def splitting(jobs: Sequence[JobNodes], parents: Sequence[Sequence[int]], datasets: Mapping[str, Dataset]) -> Splitting:
    """Return how jobs are split; `split_faults` must find nothing wrong with them."""
    found: dict[int, Slice] = {}
    for index, job in enumerate(jobs):
        members = _members(job)
        if members:
            over = {node.name: _candidates(node, how, datasets)[0] for node, how in members}
            new = tuple(node.name for node, how in members if how.new_ids)
            found[index] = Slice(1, members[0][1].into, over=over, new_ids=new)
    along = {
        (parent, child)
        for child in found
        for parent in parents[child]
        if parent in found and _goes_along(jobs[parent], jobs[child], (found[parent], found[child]))
    }
    made = [{name for node in job.nodes for name in node.outputs} for job in jobs]
    passed: dict[int, set[str]] = {index: set() for index in found}
    for maker, reader in sorted(along | {(index, index) for index in found}):
        part = found[reader]
        more = [node for node, name in part.over.items() if name in made[maker]]
        passed[maker].update(part.over[node] for node in more)
        found[reader] = replace(part, in_parts=tuple(sorted({*part.in_parts, *more})))
    found = {index: replace(part, passed_on=tuple(sorted(passed[index]))) for index, part in found.items()}
    return Splitting(found, along)


def slices_kept(
    how: Splitting, parents: Sequence[Sequence[int]], done: Mapping[int, Collection[int]]
) -> dict[int, set[int]]:
    """Return, for each split job, the slices done before that need not run again.

    The jobs are those that run again. So one that waits for all of another keeps none; one that goes slice by slice
    keeps those that the other keeps.
    """
    kept: dict[int, set[int]] = {}
    for job in sorted(how.jobs):
        left = set(done.get(job, ()))
        for parent in parents[job]:
            left &= kept[parent] if (parent, job) in how.along else set()
        kept[job] = left
    return kept


@dataclass
class Spread:
    """The groups of a run: each one's job, slice, and parents as indices of groups."""

    jobs: list[int] = field(default_factory=list)
    slices: list[Slice | None] = field(default_factory=list)
    parents: list[Sequence[int]] = field(default_factory=list)


def spread(how: Splitting, parents: Sequence[Sequence[int]], done: Mapping[int, Collection[int]]) -> Spread:
    """Return the groups of jobs: a split job has one for each slice that isn't done yet.

    They are in a topological order, if the jobs are. Raises RunTooLargeError for more edges than a plan can hold.
    """
    _refuse_many_edges(how, parents)
    found = Spread()
    places: list[dict[int, int]] = []  # for each job: the number of a slice → its group
    for job, above in enumerate(parents):
        first = how.jobs.get(job)
        numbers = range(1, first.into + 1) if first else (1,)
        left = [number for number in numbers if number not in done.get(job, ())]
        places.append({number: len(found.jobs) + place for place, number in enumerate(left)})
        shared = tuple(group for parent in above if (parent, job) not in how.along for group in places[parent].values())
        alone = [places[parent] for parent in above if (parent, job) in how.along]
        for number in left:
            own = tuple(of[number] for of in alone if number in of)
            found.jobs.append(job)
            found.slices.append(first and replace(first, number=number))
            found.parents.append(tuple(sorted((*shared, *own))) if own else shared)
    return found


def _refuse_many_edges(how: Splitting, parents: Sequence[Sequence[int]]) -> None:
    sizes = [how.jobs[job].into if job in how.jobs else 1 for job in range(len(parents))]
    edges = sum(
        sizes[job] * (1 if (parent, job) in how.along else sizes[parent])
        for job, above in enumerate(parents)
        for parent in above
    )
    if edges > MOST_EDGES:
        raise RunTooLargeError(
            f"The run's split nodes wait for each other along {edges:,} edges; {MOST_EDGES:,} is the most. Split the "
            "nodes of a chain into as many slices each, so that they go slice by slice, or use fewer slices."
        )


def split_faults(document: GraphDocument, config: Mapping[str, Any], jobs: Sequence[JobNodes]) -> Iterator[Problem]:
    """Yield why nodes can't be split as configured."""
    confirmed = {name: node.name for job in jobs for node in job.nodes for name in node.confirms}
    for job in jobs:
        members = _members(job)
        if not members:
            continue
        found = [problem for node, how in members for problem in _faults(node, how, document, confirmed)]
        yield from found or _shared_faults(job, document.datasets)
        if config["job_command"] == "kedro-run":
            what = "is split, but job_command 'kedro-run' can't tell a job its slice."
            yield Problem(_node(members[0][0]), what, "Use job_command 'job', or set split to null for it.")


def _members(job: JobNodes) -> list[tuple[Node, Split]]:
    """Return the split nodes of a job, and how they are split."""
    both = ((node, asked(wanted)) for node, wanted in zip(job.nodes, job.wanted, strict=True))
    return [(node, how) for node, how in both if how is not None]


def _candidates(node: Node, how: Split, datasets: Mapping[str, Dataset]) -> list[str]:
    """Return the inputs that could be split."""
    if how.over is not None:
        return [how.over]
    return [name for name in dict.fromkeys(node.inputs) if name in datasets and datasets[name].partitions]


def _faults(node: Node, how: Split, document: GraphDocument, confirmed: Mapping[str, str]) -> Iterator[Problem]:
    catalog = f"conf/{document.environment}/catalog.yml"
    yield from _input_faults(node, how, document.datasets, catalog)
    yield from _output_faults(node, document.datasets, catalog)
    for name in dict.fromkeys((*node.confirms, *node.inputs)):
        if name in confirmed:
            what = (
                f"is split, but '{confirmed[name]}' confirms '{name}': only the job that loaded all of it knows how "
                "far it was read."
            )
            yield Problem(_node(node), what, f"Read '{name}' as a {_TYPE}, which has no checkpoint, or don't split it.")


def _input_faults(node: Node, how: Split, datasets: Mapping[str, Dataset], catalog: str) -> Iterator[Problem]:
    candidates = _candidates(node, how, datasets)
    read = [name for name in dict.fromkeys(node.inputs) if not is_parameter(name)]
    if len(candidates) > 1:
        what = f"is split, but several of its inputs have partitions: {listed(candidates)}."
        yield Problem(_node(node), what, f"Say which: split: {{into: {how.into}, over: {candidates[0]}}}.")
    elif not candidates:
        what = f"is split, but none of its inputs has partitions: it reads {_said(read, datasets) or 'nothing'}."
        to_do = f"Make one a {_TYPE} in {catalog}, or set split to null for it."
        yield Problem(_node(node), what, to_do)
    elif candidates[0] not in read:
        near = did_you_mean(candidates[0], read).strip() or f"It reads {listed(read) or 'nothing'}."
        yield Problem(_node(node), f"is split over '{candidates[0]}', which it doesn't read.", near)
    elif candidates[0] not in datasets or not datasets[candidates[0]].partitions:
        what = f"is split over {_said(candidates, datasets)}, which has no partitions."
        yield Problem(_node(node), what, f"Make it a {_TYPE} in {catalog}.")
    elif node.inputs.count(candidates[0]) > 1:
        name = base_name(candidates[0])
        what = f"is split over '{candidates[0]}', which it reads twice: its jobs would have a slice in both places."
        to_do = f"Read '{name}@slice' and '{name}@whole', with an entry each in {catalog}, and split over the first."
        yield Problem(_node(node), what, to_do)


def _output_faults(node: Node, datasets: Mapping[str, Dataset], catalog: str) -> Iterator[Problem]:
    for name in node.outputs:
        partitions = datasets[name].partitions if name in datasets else None
        if partitions is None:
            what = f"is split, but each of its jobs would overwrite the others' {_said([name], datasets)}."
            to_do = (
                f"Make it a {_TYPE} in {catalog}, and let a later node put its partitions together; or set split to "
                "null for it."
            )
            yield Problem(_node(node), what, to_do)
        elif partitions == "overwritten":
            what = f"is split, but each of its jobs would delete what the others saved: '{name}' has overwrite: true."
            yield Problem(_node(node), what, f"Remove that from {catalog}, or set split to null for it.")


def _shared_faults(job: JobNodes, datasets: Mapping[str, Dataset]) -> Iterator[Problem]:
    """Yield why nodes that can each be split can't share a job."""
    members = _members(job)
    names = listed(node.name for node in job.nodes)
    apart = "Separate them in group_by, or add what they pass in memory to the catalog."
    widths = {how.into for _, how in members}
    if len(members) < len(job.nodes) or len(widths) > 1:
        what = f"share a job, but are not all split into as many slices: '{members[0][0].name}' is split into "
        yield Problem(f"nodes {names}", f"{what}{members[0][1].into}.", apart)
        return
    over = {node.name: _candidates(node, how, datasets)[0] for node, how in members}
    shared_out = {base_name(name) for name in over.values()}
    made = {name: (node, how) for node, how in members for name in node.outputs}
    passed = set(map(base_name, made))
    for node, _ in members:
        for name in dict.fromkeys(node.inputs):
            whole = name != over[node.name] and base_name(name) in shared_out | passed
            if whole or (base_name(name) in passed and name not in made):
                what = f"share a job that has only a slice of '{name}', but '{node.name}' needs all of it."
                yield Problem(f"nodes {names}", what, apart)
        maker = made.get(over[node.name])
        if maker and maker[1].new_ids:
            what = (
                f"share a job, but '{maker[0].name}' writes new ids to '{over[node.name]}', which may belong to "
                "another job's slice."
            )
            yield Problem(f"nodes {names}", what, apart)


def _goes_along(above: JobNodes, below: JobNodes, slices: tuple[Slice, Slice]) -> bool:
    """Return whether each slice of a job needs only the slice of its own number from the job above."""
    if slices[0].into != slices[1].into:
        return False
    makers = {name: node.name for node in above.nodes for name in node.outputs}
    made = set(map(base_name, makers))
    return all(  # in another transcoding the ids may differ, by `filename_suffix`
        name == slices[1].over[node.name] and name in makers and makers[name] not in slices[0].new_ids
        for node in below.nodes
        for name in node.inputs
        if base_name(name) in made
    )


def _said(names: Iterable[str], datasets: Mapping[str, Dataset]) -> str:
    """Return datasets by their names, each with its type."""
    known = ((name, datasets.get(name)) for name in names)
    return ", ".join(
        f"'{name}' (in memory)" if of is None or of.location == "memory" else f"'{name}' ({of.type})"
        for name, of in known
    )


def _node(node: Node) -> str:
    return f"node '{node.name}'"
