"""What `split` makes of a run's groups: which input is shared out, what would be wrong, and which waits for which.

A node that is split becomes so many groups, each of which gets the partitions that fall into its slice. What follows
waits for all of them. Only a node that is split into as many slices, over what a node wrote that keeps its ids, waits
for the slice of its own number alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .document import Dataset, GraphDocument, Node, Resources, base_name, is_parameter
from .errors import RunTooLargeError, did_you_mean
from .problems import Problem, listed
from .resources import combine
from .slices import Slice

#: Above this a run is refused: its plan would outgrow what a function can hold.
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
    """What `split` says of a node."""

    into: int
    over: str | None = None
    new_ids: bool = False


def asked(resources: Resources) -> Split | None:
    """Return how a node is to be split; None for one that isn't, and for one slice, which is all of it."""
    value: Any = resources.get("split")
    said = value if isinstance(value, Mapping) else {"into": value}
    into = said["into"]
    return None if into in (None, 1) else Split(into, said.get("over"), said.get("ids") == "new")


@dataclass(frozen=True)
class Splitting:
    """How a run's jobs are split, by their indices; those that aren't are left out."""

    jobs: Mapping[int, Slice]  #: the first slice of each
    #: (parent, child) of which each slice waits for that of its own number alone.
    along: Collection[tuple[int, int]] = ()


def splitting(jobs: Sequence[JobNodes], parents: Sequence[Sequence[int]], datasets: Mapping[str, Dataset]) -> Splitting:
    """Return how jobs are split of which `split_faults` finds nothing wrong."""
    found: dict[int, Slice] = {}
    for index, job in enumerate(jobs):
        members = _members(job)
        if members:
            over = {node.name: _candidates(node, how, datasets)[0] for node, how in members}
            new = tuple(node.name for node, how in members if how.new_ids)
            found[index] = Slice(1, members[0][1].into, over, new)
    along = {
        (parent, child)
        for child in found
        for parent in parents[child]
        if parent in found and _goes_along(jobs[parent], jobs[child], (found[parent], found[child]))
    }
    return Splitting(found, along)


def slices_kept(
    how: Splitting, parents: Sequence[Sequence[int]], done: Mapping[int, Collection[int]]
) -> dict[int, set[int]]:
    """Return for each job that is split which of its slices, done before, need not run again.

    The jobs are those that run again. So one that waits for all of another keeps none; one that goes slice by slice
    keeps the slices that the other keeps.
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
    """The groups of a run: each one's job, its slice, and its parents as indices of groups."""

    jobs: list[int] = field(default_factory=list)
    slices: list[Slice | None] = field(default_factory=list)
    parents: list[Sequence[int]] = field(default_factory=list)


def spread(how: Splitting, parents: Sequence[Sequence[int]], done: Mapping[int, Collection[int]]) -> Spread:
    """Return the groups of jobs: of one that is split as many as it has slices, those done left out.

    In a topological order, if the jobs are. Raises RunTooLargeError for more edges than a plan holds.
    """
    _refuse_many_edges(how, parents)
    found = Spread()
    places: list[dict[int, int]] = []  # of each job: the number of a slice → its group
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
            found.slices.append(first and Slice(number, first.into, first.over, first.new_ids))
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
            "nodes of a chain alike, so that they go slice by slice, or into fewer slices."
        )


def split_faults(document: GraphDocument, config: Mapping[str, Any], jobs: Sequence[JobNodes]) -> Iterator[Problem]:
    """Yield why nodes can't be split as is said of them."""
    confirmed = {name: node.name for job in jobs for node in job.nodes for name in node.confirms}
    for job in jobs:
        members = _members(job)
        if not members:
            continue
        found = [problem for node, how in members for problem in _faults(node, how, document, confirmed)]
        yield from found or _shared_faults(job, document.datasets)
        if config["job_command"] == "kedro-run":
            what = "is split, and job_command 'kedro-run' can't tell a job its slice."
            yield Problem(_node(members[0][0]), what, "Use job_command 'job', or take split back for it: null.")


def _members(job: JobNodes) -> list[tuple[Node, Split]]:
    """Return the nodes of a job that are split, and how."""
    both = ((node, asked(wanted)) for node, wanted in zip(job.nodes, job.wanted, strict=True))
    return [(node, how) for node, how in both if how is not None]


def _candidates(node: Node, how: Split, datasets: Mapping[str, Dataset]) -> list[str]:
    """Return the inputs that may be meant to be shared out."""
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
                f"is split, and '{confirmed[name]}' confirms '{name}': only the job that has loaded all of it knows up "
                "to where."
            )
            yield Problem(_node(node), what, f"Read '{name}' as a {_TYPE}, which has no checkpoint, or don't split it.")


def _input_faults(node: Node, how: Split, datasets: Mapping[str, Dataset], catalog: str) -> Iterator[Problem]:
    candidates = _candidates(node, how, datasets)
    read = [name for name in dict.fromkeys(node.inputs) if not is_parameter(name)]
    if len(candidates) > 1:
        what = f"is split, and several of its inputs have partitions: {listed(candidates)}."
        yield Problem(_node(node), what, f"Say which: split: {{into: {how.into}, over: {candidates[0]}}}.")
    elif not candidates:
        what = f"is split, but none of its inputs has partitions: it reads {_said(read, datasets) or 'nothing'}."
        to_do = f"Make one a {_TYPE} in {catalog}, or take split back for it: null."
        yield Problem(_node(node), what, to_do)
    elif candidates[0] not in read:
        near = did_you_mean(candidates[0], read).strip() or f"It reads {listed(read) or 'nothing'}."
        yield Problem(_node(node), f"is split over '{candidates[0]}', which it doesn't read.", near)
    elif candidates[0] not in datasets or not datasets[candidates[0]].partitions:
        what = f"is split over {_said(candidates, datasets)}, which has no partitions."
        yield Problem(_node(node), what, f"Make it a {_TYPE} in {catalog}.")


def _output_faults(node: Node, datasets: Mapping[str, Dataset], catalog: str) -> Iterator[Problem]:
    for name in node.outputs:
        partitions = datasets[name].partitions if name in datasets else None
        if partitions is None:
            what = f"is split, and each of its jobs would write over {_said([name], datasets)} of the others."
            to_do = f"Make it a {_TYPE} in {catalog}, and let a node that follows put its partitions together."
            yield Problem(_node(node), what, to_do)
        elif partitions == "overwritten":
            what = f"is split, and each of its jobs would delete what the others saved: '{name}' has overwrite: true."
            yield Problem(_node(node), what, f"Take that out of {catalog}, or take split back for it: null.")


def _shared_faults(job: JobNodes, datasets: Mapping[str, Dataset]) -> Iterator[Problem]:
    """Yield why nodes that are split one by one can't be in one job."""
    members = _members(job)
    names = listed(node.name for node in job.nodes)
    apart = "Take them apart in group_by, or add what they pass in memory to the catalog."
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
                what = f"share a job that has but a slice of '{name}', of which '{node.name}' needs all."
                yield Problem(f"nodes {names}", what, apart)
        maker = made.get(over[node.name])
        if maker and maker[1].new_ids:
            what = (
                f"share a job, but '{maker[0].name}' writes new ids to '{over[node.name]}', any of which may be of "
                "another job's slice."
            )
            yield Problem(f"nodes {names}", what, apart)


def _goes_along(above: JobNodes, below: JobNodes, slices: tuple[Slice, Slice]) -> bool:
    """Return whether each slice of a job needs but the slice of its number of the job above."""
    if slices[0].into != slices[1].into:
        return False
    makers = {name: node.name for node in above.nodes for name in node.outputs}
    made = set(map(base_name, makers))
    return all(  # of another transcoding the ids may be others: by `filename_suffix`
        name == slices[1].over[node.name] and name in makers and makers[name] not in slices[0].new_ids
        for node in below.nodes
        for name in node.inputs
        if base_name(name) in made
    )


def _said(names: Iterable[str], datasets: Mapping[str, Dataset]) -> str:
    """Return datasets by their names, each with what it is."""
    known = ((name, datasets.get(name)) for name in names)
    return ", ".join(
        f"'{name}' (in memory)" if of is None or of.location == "memory" else f"'{name}' ({of.type})"
        for name, of in known
    )


def _node(node: Node) -> str:
    return f"node '{node.name}'"
