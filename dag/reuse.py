"""What a run need not do, since an earlier one has done the same and its data is still there; and why the rest runs.

The newest run that made a node's outputs counts, since they are what its readers would load. A node is reused if

- it is the same: its code, parameters, datasets, packages (`dag.signatures`), and nothing of it varies with the time;
- it reads the same: what other nodes make is of the runs that it was of then, and storage says the same of the rest;
- its outputs are what that run wrote: of a versioned dataset, that run's version is the newest; any other was last
  written while the node was at work, when no other run could have written it.

Of a folder nobody can tell whether a file was deleted before anybody looked. The user's word, `reuse: true` in the
node's resources, says that none is. It then counts like any other: by its newest file the node wrote it last, and what
others had left in it before would stay there if the node ran again. From its first reuse on, each run notes all of it.

What can't be told runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from .asked import another_asked, version_asked
from .document import Dataset, GraphDocument, Node, Resources, base_name, is_parameter
from .grouping import is_in_memory
from .plan import AtWork, Plan, Reused
from .resume import NOT_SUCCEEDED, Changes, Resumption, changed_parameters, changed_values, resumption
from .rivals import Contest, Rivals, in_place
from .signatures import MadeOf, read_signatures
from .spared import MadeBy, spared
from .stored import Ask, Seen, Shown

UNKNOWN = "no run that is known has made it"


@dataclass(frozen=True)
class Past:
    """A run that is over, and whose jobs have all ended."""

    plan: Plan
    request: Mapping[str, Any]
    done: Mapping[str, Reused]
    spans: Mapping[str, AtWork]  #: node → the attempt of this run that succeeded


@dataclass(frozen=True)
class History:
    """The runs before a run."""

    pasts: Callable[[], Iterator[Past]]  #: newest first
    rivals: Rivals
    ask: Ask | None = None  #: asks storage, if the request doesn't say what it shows


@dataclass(frozen=True)
class _Found:
    """A node in the newest run that made it, or that has reused it."""

    reused: Reused
    past: Mapping[str, Reused]  #: all that was done in that run
    span: AtWork | None  #: when it was made
    proved: bool  #: whether that run has looked for rivals already
    noted: Mapping[str, str]  #: what that run noted of storage as it started, with folders that it has reused
    why: str | None  #: why it is another now


@dataclass
class Reusing:
    """Finds what a run need not do."""

    document: GraphDocument
    nodes: Sequence[Node]  #: of the run, in topological order
    wanted: Sequence[Resources]  #: what each of them asks for
    config: Mapping[str, Any]  #: the run's settings
    request: Mapping[str, Any]
    shown: Shown
    _found: dict[str, _Found] = field(default_factory=dict)

    def resumption(self, history: History) -> Resumption:
        """Return which nodes are reused, and why the others run."""
        self._look(history.pasts())
        why = {node.name: self._why(node, asked) for node, asked in zip(self.nodes, self.wanted, strict=True)}
        why.update(self._contested(history.rivals, [name for name, reason in why.items() if not reason]))
        made = {name: reason for name, reason in why.items() if reason}
        done = {name: one.reused for name, one in self._found.items()}
        result = resumption(None, self.nodes, self.document.datasets, done, Changes(made=made))
        again = {name: UNKNOWN if one == NOT_SUCCEEDED else one for name, one in result.again.items()}
        return replace(result, again=again, **self._spared(result.reused))

    def _spared(self, reused: Mapping[str, Reused]) -> dict[str, Any]:
        """Return how long the jobs took that made what is reused."""
        jobs: dict[MadeBy, list[Resources]] = {}
        for node, asked in zip(self.nodes, self.wanted, strict=True):
            if node.name in reused and (span := self._found[node.name].span):
                jobs.setdefault(MadeBy(reused[node.name].run_id, span), []).append(asked)
        known = all(self._found[name].span for name in reused)
        return {
            "seconds": sum((span.ended - span.began) / 1000 for _, span in jobs),
            "sizes": spared(jobs, self.config["job_queue"], carrying=self.config["warm_containers"]) if known else (),
        }

    def spans(self, names: Iterable[str]) -> dict[str, AtWork]:
        """Return when reused nodes were made, as far as that is known."""
        return {name: span for name in names if (span := self._found[name].span)}

    def folders(self, reused: Collection[str]) -> dict[str, str]:
        """Return the digests of the folders that reused nodes have written: the next run notices a deletion by them."""
        names = (name for one in reused for name in self._by_name[one].outputs)
        return {name: seen.digest for name in names if (seen := self.shown.seen.get(name)) and seen.folder}

    # the newest runs ------------------------------------------------------------------------------------------------

    def _look(self, pasts: Iterator[Past]) -> None:
        """Find each node in the newest run that has it."""
        left = {node.name: (index, node) for index, node in self._indexed}
        unknown: dict[str, str] = {}  # node → the run that made it, of those whose spans are not known yet
        for past in pasts:
            for name in [name for name, run_id in unknown.items() if run_id == past.plan.run_id]:
                del unknown[name]
                self._found[name] = replace(self._found[name], span=past.spans.get(name))
            here = {name: left.pop(name) for name in [*left] if name in past.done}
            reasons = self._compared(past, dict(here.values()))
            for name in here:
                own, before = past.spans.get(name), past.plan.wrote.get(name)
                self._found[name] = _Found(
                    reused=past.done[name],
                    past=past.done,
                    span=own or before,
                    proved=before is not None,
                    noted=past.plan.inputs,
                    why=reasons[name],
                )
                if not (own or before) and past.done[name].run_id != past.plan.run_id:
                    unknown[name] = past.done[name].run_id
            if not left and not unknown:
                return

    @cached_property
    def _indexed(self) -> list[tuple[int, Node]]:
        selected = set(map(id, self.nodes))
        return [(index, node) for index, node in enumerate(self.document.nodes) if id(node) in selected]

    def _compared(self, past: Past, here: Mapping[int, Node]) -> dict[str, str | None]:
        """Return why nodes, by their index, are others than in a run: by their code, parameters and inputs."""
        if not here:
            return {}
        plan, document = past.plan, self.document
        signatures = read_signatures(document.signatures)
        if not plan.made or not signatures.nodes:
            return {node.name: f"it is not known what it was made of in run {plan.run_id}" for node in here.values()}
        changed = changed_parameters(past.request.get("params", {}), self.request.get("params", {}))
        changes = replace(
            Changes.of(changed, document.runtime_params),
            params=[*changed, *changed_values(plan.parameters, document.parameters)],
            made=MadeOf.unpacked(plan.made).others(signatures, here),
        )
        return {node.name: self._another(past, node, changes) for node in here.values()}

    def _another(self, past: Past, node: Node, changes: Changes) -> str | None:
        if why := changes.why(node):
            return why
        if why := another_asked(past.request, self.request, node):
            return why
        for name in _datasets(node.inputs):
            if base_name(name) not in self._makers and (why := self._input_changed(past.plan, name)):
                return why
        return None

    def _input_changed(self, plan: Plan, name: str) -> str | None:
        """Return why an input that no node of the run makes isn't surely what a run has read."""
        if (now := self.shown.seen.get(name)) is None:
            return f"'{name}': {self.shown.why_untold(name)}"
        if (before := plan.inputs.get(name)) is None:
            return f"it was not noted what '{name}' was when run {plan.run_id} started"
        return None if now.digest == before else f"'{name}' has changed in its storage"

    # now -------------------------------------------------------------------------------------------------------------

    def _why(self, node: Node, asked: Resources) -> str | None:
        """Return why a node that was found runs all the same, but for what other runs may have written."""
        if node.name not in self._found:
            return None
        found = self._found[node.name]
        return self._never(node, asked) or found.why or self._made_since(node, found) or self._lost(node, asked, found)

    def _never(self, node: Node, asked: Resources) -> str | None:
        """Return why a node is never reused."""
        if asked.get("reuse") is False:
            return "its 'reuse' is false"
        if node.confirms:
            return f"it confirms '{node.confirms[0]}', which each run does"
        if asked.get("split") and not asked.get("reuse"):
            return "it is split, and it can't be told whether all of its partitions are still there"
        if not any(self._kept(name) or base_name(name) in self._read for name in node.outputs):
            return "nothing that it leaves shows that it has run"
        return self._elsewhere(node) or self._moving(node)

    def _elsewhere(self, node: Node) -> str | None:
        """Return which dataset of a node isn't what the run's nodes make, or not all that its storage has."""
        for name in (*_datasets(node.inputs), *node.outputs):
            if base_name(name) in self._makers and (version := version_asked(self.request, name)):
                return f"version {version} of '{name}' is asked for, whatever the run makes"
            if base_name(name) in self._confirmed:
                return f"what it loads of '{name}' depends on what has been confirmed of it"
        return None

    def _moving(self, node: Node) -> str | None:
        """Return what of a node may be another in each run."""
        told = self.document.signatures
        if source := self.request.get("conf_source"):
            return f"it can't be told whether the configuration in '{source}' has changed"
        if told.get("clock"):
            return "a resolver of the project may read the time, so its values may be others in each run"
        moving = [name for name in (*node.inputs, *node.outputs) if name in told.get("moving", ())]
        return f"'{moving[0]}' is another in each run" if moving else None

    def _made_since(self, node: Node, found: _Found) -> str | None:
        """Return which input another run has made than the one of which the node has read it."""
        for name in map(base_name, _datasets(node.inputs)):
            if (maker := self._makers.get(name)) is None:
                continue
            before = found.past.get(maker)
            if before is None:
                return f"it isn't known which '{name}' it has read, since its last run did not make that"
            if before.run_id != self._found[maker].reused.run_id:
                return f"'{name}' has been made again since"
        return None

    def _lost(self, node: Node, asked: Resources, found: _Found) -> str | None:
        """Return which output is not, or not surely, what the node wrote."""
        for name in filter(self._kept, node.outputs):
            seen, run_id = self.shown.seen.get(name), found.reused.run_id
            if seen is None:
                return f"'{name}': {self.shown.why_untold(name)}"
            if seen.folder and (why := _folder_lost(name, seen, asked, found)):
                return why
            if self.document.datasets[name].versioned:
                if seen.version != run_id:
                    return f"the newest version of '{name}' is {seen.version}, not {run_id}"
                continue
            if found.span is None:
                return f"it is not known when run {run_id} wrote '{name}'"
            began, ended = found.span
            if seen.latest < began or seen.at > ended:
                return f"'{name}' was last written by something else than run {run_id}"
        return None

    def _contested(self, rivals: Rivals, names: Iterable[str]) -> dict[str, str]:
        """Return which of some nodes have an output that another run may have written while they were at work."""
        found = {name: one for name in names if (one := self._found.get(name)) and not one.proved}
        spans = {name: one.span for name, one in found.items() if one.span and self._in_place(name)}
        if not spans:
            return {}
        makers = {found[name].reused.run_id for name in spans}
        whole = AtWork(min(span.began for span in spans.values()), max(span.ended for span in spans.values()))
        contest = Contest(self.document, rivals(whole, min(makers) if len(makers) == 1 else None))
        told: dict[str, str] = {}
        for name, span in spans.items():
            if by := contest.over(self._by_name[name], span, {found[name].reused.run_id}):
                told[name] = f"run {by.run_id} may have written '{by.output}' at the same time"
        return told

    def _in_place(self, name: str) -> list[str]:
        return in_place(self._by_name[name], self.document.datasets)

    def _kept(self, name: str) -> bool:
        return not is_in_memory(name, self.document.datasets)

    @cached_property
    def _confirmed(self) -> frozenset[str]:
        return frozenset(base_name(name) for node in self.document.nodes for name in node.confirms)

    @cached_property
    def _by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _makers(self) -> Mapping[str, str]:
        """Return the node of the run that makes each dataset."""
        return {base_name(output): node.name for node in self.nodes for output in node.outputs}

    @cached_property
    def _read(self) -> frozenset[str]:
        return frozenset(base_name(name) for node in self.nodes for name in node.inputs)


def _folder_lost(name: str, seen: Seen, asked: Resources, found: _Found) -> str | None:
    """Return why a folder isn't surely whole: from the first run on that has reused it, what was noted of it tells."""
    if not asked.get("reuse"):
        return f"'{name}' is a folder, and it can't be told whether all of it is still there"
    return None if found.noted.get(name, seen.digest) == seen.digest else f"'{name}' has changed in its storage"


def unmade(nodes: Sequence[Node], datasets: Mapping[str, Dataset]) -> set[str]:
    """Return the datasets, other than in memory, that some nodes read and none of them makes."""
    made = {base_name(output) for node in nodes for output in node.outputs}
    read = {name for node in nodes for name in _datasets(node.inputs)}
    return {name for name in read if base_name(name) not in made and not is_in_memory(name, datasets)}


def _datasets(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if not is_parameter(name))
