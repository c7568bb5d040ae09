"""From a request of `start_run` to a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from . import variables
from .asked import asked_anew, source_noted
from .configuration import KEY, RUN, read_overrides
from .difference import MOST_NODES, fingerprints
from .document import MOST_GROUPS, GraphDocument, Node, Resources, base_name
from .errors import (
    GraphMismatchError,
    InvalidRequestError,
    NotAllowedError,
    NothingLeftError,
    RunTooLargeError,
    did_you_mean,
)
from .faults import faults
from .grouping import group
from .jobs import run_moment
from .layers import Layers
from .meaning import FIELDS, settings_of, stored_of
from .plan import AtWork, Group, Plan, Reused, RunSettings
from .problems import Problem
from .reach import beyond
from .resume import (
    Changes,
    Resumption,
    changed_parameters,
    changed_values,
    done_before,
    lost_outputs,
    newer_inputs,
    noted,
    resumption,
    signature_of,
)
from .reuse import History, Reusing, unmade
from .rules import sentence
from .selection import select
from .shape import refuse_another_shape
from .shards import View
from .signatures import MadeOf, read_signatures
from .sizes import MemoryRetry
from .slices import Slice
from .splitting import JobNodes, asked, slices_kept, splitting, spread
from .status import OnFailure
from .stored import Ask, Shown


@dataclass(frozen=True)
class Allowed:
    """The queues and definitions that the deployment lets runs use."""

    job_queues: Sequence[str]
    job_definitions: Sequence[str]


@dataclass(frozen=True)
class Earlier:
    """A run to resume."""

    plan: Plan
    view: View
    request: Mapping[str, Any]
    #: Node → why what it has written may be another's by now: `dag.rivals.written_since`.
    since: Mapping[str, str] = field(default_factory=dict)
    #: Its nodes → when their jobs had ended, in ms since the epoch; None if that isn't known.
    ends: Mapping[str, int] | None = None
    #: Asks storage, if the request doesn't say what it shows.
    ask: Ask | None = None


def make_plan(
    document: GraphDocument,
    request: Mapping[str, Any],
    run_id: str,
    allowed: Allowed,
    before: Earlier | History | None = None,
) -> tuple[Plan, Resumption | None]:
    """Return the plan of a request, and what it reuses of the run that it resumes, or of any that there were.

    Raises a DagError if it can't run, before anything is started.
    """
    _refuse_another_graph(document, request)
    pipelines = _pipelines(request)
    overrides, problems = read_overrides(request.get("params", {}))
    config = settings_of(document, request, overrides)
    refuse([*problems, *_wrong_fields(request), *beyond(document, request, overrides.layers)])
    nodes = selected = select(document, pipelines, request)
    refuse(list(overrides.layers.unknown(nodes, f"params.{KEY}")))
    stored = stored_of(document, request, before.ask if before else None)
    shown = stored if isinstance(stored, Shown) else Shown()
    earlier = before if isinstance(before, Earlier) else None
    made, others = _made(document, nodes, earlier, shown)
    resumed: Resumption | None = None
    inputs = {name: shown.seen[name].digest for name in unmade(nodes, document.datasets) if name in shown.seen}
    inputs |= source_noted(document, request, shown)
    wrote: Mapping[str, AtWork] = {}
    if earlier:
        anew = asked_anew(earlier.request, request, nodes, earlier.plan.inputs, inputs)
        resumed = _resume(document, request, nodes, earlier, {**others, **anew})
        nodes = _left(selected, resumed)
        inputs, wrote = noted(selected, earlier.plan.inputs, inputs, resumed), earlier.plan.wrote
        if not earlier.plan.made:
            made = MadeOf()  # it isn't known of what is taken over
    elif config["reuse"] and isinstance(stored, str):
        resumed = Resumption(source=None, reused={}, again={node.name: stored for node in nodes})
    elif isinstance(before, History) and config["reuse"] and stored is not None:
        wanted = [overrides.layers.over(node.resources, node) for node in nodes]
        reusing = Reusing(document=document, nodes=nodes, wanted=wanted, config=config, request=request, shown=shown)
        resumed = reusing.resumption(before)
        nodes = [node for node in nodes if node.name in resumed.again]
        wrote = reusing.spans(resumed.reused)
        inputs |= reusing.folders(resumed.reused)
    reused: Mapping[str, Reused] = resumed.reused if resumed else {}
    pins = _pins(document, request, _written(selected, run_id, reused))
    maker = _GroupMaker(
        document=document,
        pipelines=pipelines,
        config=config,
        layers=overrides.layers,
        pins=pins,
        conf_source=request.get("conf_source"),
    )
    groups, kept = maker.groups(nodes, resumed.slices if resumed else {})
    _refuse_not_allowed(groups, allowed)
    plan = Plan(
        run_id=run_id,
        project=document.project,
        environment=document.environment,
        pipelines=pipelines,
        params=request.get("params", {}),
        settings=_settings(config),
        groups=groups,
        reused={**reused, **kept},
        kedro_version=document.kedro_version,
        parameters=document.parameters,
        made=made.packed,
        inputs=inputs,
        wrote={name: span for name, span in wrote.items() if name in reused},
    )
    widths = {name: one.part.into for one in groups if one.part for name in one.nodes}
    return plan, resumed and resumed.keeping(kept, widths)


def _left(nodes: Sequence[Node], resumed: Resumption) -> list[Node]:
    """Return the nodes that a resumed run does again. Raises NothingLeftError if there are none."""
    left = [node for node in nodes if node.name in resumed.again]
    if not left:
        raise NothingLeftError(
            f"Run {resumed.source} has done everything: there is nothing to resume. Start a new run to do it again."
        )
    return left


def _refuse_another_graph(document: GraphDocument, request: Mapping[str, Any]) -> None:
    """Raise GraphMismatchError for a digest of another graph, and refuse parameters that mean another."""
    if request.get("graph_digest") not in (None, document.digest):
        raise GraphMismatchError(
            f"The deployed graph is {document.digest[:19]}…, yours is {str(request['graph_digest'])[:19]}…: "
            "deploy again, or check out what was deployed.",
            fingerprints(document) if len(document.nodes) <= MOST_NODES else None,
        )
    refuse_another_shape(document.shaped_by, request.get("params", {}))


def _pipelines(request: Mapping[str, Any]) -> tuple[str, ...]:
    if "pipeline" in request and "pipelines" in request:
        raise InvalidRequestError("The request has both 'pipeline' and 'pipelines': give one of them.")
    if "pipeline" in request:
        return (request["pipeline"],)
    return tuple(dict.fromkeys(request.get("pipelines") or ["__default__"]))


def refuse(problems: Sequence[Problem]) -> None:
    """Raise InvalidRequestError for these problems, if there are any."""
    if problems:
        raise InvalidRequestError.of(problems)


def _wrong_fields(request: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with settings that are fields of a request."""
    told = {key: RUN[key].rule(request[key]) for key in FIELDS if request.get(key) is not None}
    return [Problem(key, sentence(wrong), "") for key, wrong in told.items() if wrong]


def _settings(config: Mapping[str, Any]) -> RunSettings:
    retry = config["memory_retry"]
    return RunSettings(
        on_failure=OnFailure(config["on_failure"]),
        job_command=config["job_command"],
        launch_type=config["launch_type"],
        max_workers=config["max_workers"],
        memory_retry=MemoryRetry(retry["factor"], retry["max"]) if retry else None,
        array_jobs=config["array_jobs"],
        warm_containers=config["warm_containers"] and config["job_command"] == "job",
        warm_seconds=config["warm_seconds"],
    )


def _made(
    document: GraphDocument, nodes: Sequence[Node], earlier: Earlier | None, shown: Shown
) -> tuple[MadeOf, dict[str, str]]:
    """Return what the nodes are made of, and why some, what they read or what they wrote, aren't surely what it was."""
    signatures, selected = read_signatures(document.signatures), set(map(id, nodes))
    indices = {index: node for index, node in enumerate(document.nodes) if id(node) in selected}
    if earlier is None:
        return signatures.made(indices), {}
    others = MadeOf.unpacked(earlier.plan.made).others(signatures, indices)
    newer = newer_inputs(nodes, done_before(earlier.plan, earlier.view), shown, earlier.plan.inputs)
    lost = _lost(document, nodes, earlier, shown)
    return signatures.made(indices), {**lost, **newer, **earlier.since, **others}


def _resume(
    document: GraphDocument,
    request: Mapping[str, Any],
    nodes: Sequence[Node],
    earlier: Earlier,
    made: Mapping[str, str],
) -> Resumption:
    changed = changed_parameters(earlier.request.get("params", {}), request.get("params", {}))
    given = Changes.of(changed, document.runtime_params)
    params = [*changed, *changed_values(earlier.plan.parameters, document.parameters)]
    done = done_before(earlier.plan, earlier.view)
    changes = replace(given, params=params, made=made)
    return resumption(earlier.plan.run_id, nodes, document.datasets, done, changes)


def _lost(document: GraphDocument, nodes: Sequence[Node], earlier: Earlier, shown: Shown) -> dict[str, str]:
    """Return the nodes whose outputs aren't what the run before has left; what it took over was there as it began."""
    ends, began = earlier.ends, run_moment(earlier.plan.run_id)
    if ends is None:
        return {}
    done = done_before(earlier.plan, earlier.view)
    return lost_outputs(nodes, document.datasets, done, shown, lambda name: ends.get(name, began))


def _written(selected: Sequence[Node], run_id: str, reused: Mapping[str, Reused]) -> dict[str, str]:
    """Return the run that writes, or wrote, each dataset of the selected nodes, without transcoding."""
    return {
        base_name(output): reused[node.name].run_id if node.name in reused else run_id
        for node in selected
        for output in node.outputs
    }


def _pins(document: GraphDocument, request: Mapping[str, Any], written: Mapping[str, str]) -> Mapping[str, str]:
    """Return the version to load for each versioned dataset: the one asked for; else, of what the run writes, its own.

    As in Kedro, a version that is asked for one format of a transcoded dataset isn't meant for the others, and one that
    is asked for the name without a format isn't meant for what the run writes.
    """
    given = request.get("load_versions", {})
    if unknown := sorted(set(given) - {*document.datasets, *map(base_name, document.datasets)}):
        raise InvalidRequestError(
            f"load_versions names '{unknown[0]}', which no pipeline uses.{did_you_mean(unknown[0], document.datasets)}"
        )
    pins = {**given, **written}
    found = ((name, given.get(name) or pins.get(base_name(name))) for name in document.datasets)
    return {name: version for name, version in found if version and document.datasets[name].versioned}


@dataclass(frozen=True)
class _GroupMaker:
    """Makes groups of nodes, with everything that all groups of a run share."""

    document: GraphDocument
    pipelines: Sequence[str]
    config: Mapping[str, Any]
    layers: Layers
    pins: Mapping[str, str]
    conf_source: str | None

    def groups(self, nodes: Sequence[Node], done: Mapping[str, Reused]) -> tuple[tuple[Group, ...], dict[str, Reused]]:
        """Return the groups of these nodes, and the slices done before that need no group.

        Raises a DagError if any of them can't run.
        """
        indices, parents = group(nodes, self.document.datasets, self.config["group_by"])
        _refuse_many(len(indices))
        wanted = [self._configured(self.layers.over(node.resources, node)) for node in nodes]
        asking = [JobNodes([nodes[index] for index in some], [wanted[index] for index in some]) for some in indices]
        _refuse_many(sum(max((how.into for how in map(asked, each.wanted) if how), default=1) for each in asking))
        refuse(faults(self.document, self.config, asking))
        how = splitting(asking, parents, self.document.datasets)
        kept = slices_kept(how, parents, {job: _slices_done(asking[job], part, done) for job, part in how.jobs.items()})
        found = spread(how, parents, kept)
        whole = [self._group(each) for each in asking]
        groups = tuple(
            replace(whole[job], part=part, parents=tuple(above))
            for job, part, above in zip(found.jobs, found.slices, found.parents, strict=True)
        )
        units = (
            f"{name}[{number}/{how.jobs[job].into}]"
            for job, numbers in kept.items()
            for number in numbers
            for name in whole[job].nodes
        )
        return groups, {name: done[name] for name in units}

    def _group(self, asking: JobNodes) -> Group:
        places = {key: self.config[key] for key in ("job_queue", "job_definition")}
        resources = {**places, **asking.resources}
        members = asking.nodes
        return Group(
            nodes=tuple(node.name for node in members),
            signatures=tuple(node.signature for node in members),
            parents=(),
            resources=resources,
            load_versions={name: self.pins[name] for node in members for name in node.inputs if name in self.pins},
            pipelines=self._home(members),
        )

    def _configured(self, wanted: Resources) -> Resources:
        """Return a node's resources with the source of its job's configuration."""
        if self.conf_source is None:
            return wanted
        return {**wanted, "environment": {**wanted.get("environment", {}), variables.CONF_SOURCE: self.conf_source}}

    def _home(self, members: Sequence[Node]) -> tuple[str, ...]:
        """Return the smallest pipeline that has all members, so that a job imports no more than it needs."""
        indices = [self._indices[id(node)] for node in members]
        for name in self._smallest_first[indices[0]]:
            if all(index in self._contents[name] for index in indices):
                return (name,)
        return tuple(self.pipelines)

    @cached_property
    def _indices(self) -> Mapping[int, int]:
        return {id(node): index for index, node in enumerate(self.document.nodes)}

    @cached_property
    def _contents(self) -> Mapping[str, frozenset[int]]:
        return {name: frozenset(indices) for name, indices in self.document.pipelines.items()}

    @cached_property
    def _smallest_first(self) -> Mapping[int, list[str]]:
        homes: dict[int, list[str]] = {}
        for name in sorted(self._contents, key=lambda name: (len(self._contents[name]), name)):
            for index in self._contents[name]:
                homes.setdefault(index, []).append(name)
        return homes


def _slices_done(asking: JobNodes, part: Slice, done: Mapping[str, Reused]) -> set[int]:
    """Return the slices of a job that an earlier run has done for all its nodes as they are now."""
    signatures = {node.name: signature_of(node.name, node.signature, part) for node in asking.nodes}
    return {
        number
        for number in range(1, part.into + 1)
        if all(
            (one := done.get(f"{name}[{number}/{part.into}]")) is not None and one.signature == signature
            for name, signature in signatures.items()
        )
    }


def _refuse_many(groups: int) -> None:
    if groups > MOST_GROUPS:
        raise RunTooLargeError(
            f"The run has {groups:,} groups; {MOST_GROUPS:,} is the most. "
            "Group its nodes by namespace or tag (group_by), or split them into fewer."
        )


def _refuse_not_allowed(groups: Sequence[Group], allowed: Allowed) -> None:
    for kind, names in (("job_queue", allowed.job_queues), ("job_definition", allowed.job_definitions)):
        for member in groups:
            wanted = member.resources[kind]
            if wanted not in names:
                raise NotAllowedError(
                    f"Group '{member.title}' asks for the {kind.replace('_', ' ')} '{wanted}', "
                    f"which this deployment does not allow (it allows: {', '.join(names) or 'none'})."
                    f"{did_you_mean(str(wanted), names)}"
                )
