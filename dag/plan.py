"""What a run keeps of the graph: its groups, written once and never changed, so that deployments don't affect it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from . import limits
from .document import Resources
from .errors import InvalidGraphError
from .jobs import JobName
from .shards import MOST_ATTEMPTS, Mark, by_shard
from .sizes import MemoryRetry
from .slices import Slice, read_slice, unit
from .status import OnFailure

#: Raise it with every change of the stored form, since open runs outlive deployments.
PLAN_FORMAT = 2
#: The format of a plan with slices: a release that doesn't know them would run the whole node in each job.
SLICED_PLAN_FORMAT = 3
_REVISION = re.compile(r":\d+$")


class AtWork(NamedTuple):
    """When a node was at work, in ms since the epoch."""

    began: int
    ended: int


@dataclass(frozen=True)
class Group:
    """The nodes that run in one job."""

    nodes: tuple[str, ...]
    signatures: tuple[str, ...]  #: one a node, by which a resumed run recognises it
    parents: tuple[int, ...]
    resources: Resources
    load_versions: Mapping[str, str]
    pipelines: tuple[str, ...]  #: that the job imports to find its nodes
    seconds: float | None = None  #: how long it took in earlier runs
    part: Slice | None = None  #: the slice that its nodes get, if they are split

    @property
    def units(self) -> tuple[str, ...]:
        """Return its nodes, each with its slice: `clean[7/50]`."""
        return tuple(unit(name, self.part) for name in self.nodes)

    @property
    def title(self) -> str:
        """Return the group's name for messages: its first node, with its slice, and how many more there are."""
        return self.units[0] if len(self.nodes) == 1 else f"{self.units[0]} (+{len(self.nodes) - 1})"


@dataclass(frozen=True)
class RunSettings:
    """Settings for all jobs of a run."""

    on_failure: OnFailure
    job_command: str  #: `job` or `kedro-run`
    launch_type: str  #: `EC2` or `FARGATE`
    max_workers: int | None
    memory_retry: MemoryRetry | None
    array_jobs: bool
    warm_containers: bool = False  #: whether a job that has done its group may carry on with another
    warm_seconds: int = 3600  #: how long a container may carry on


@dataclass(frozen=True)
class Reused:
    """A node that an earlier run has done."""

    signature: str
    run_id: str


@dataclass(frozen=True)
class Home:
    """Where a run's jobs find its service."""

    region: str = ""  #: for the containers: on EC2, ECS doesn't tell them
    next_group: str = ""  #: the ARN of the function that has the jobs' payloads
    key: str = ""  #: known only to the service, which makes the jobs' tokens with it


@dataclass(frozen=True)
class Plan:
    """A run's groups and what they share."""

    run_id: str
    project: str
    environment: str
    pipelines: tuple[str, ...]
    params: Mapping[str, Any]
    settings: RunSettings
    groups: tuple[Group, ...]
    reused: Mapping[str, Reused]
    home: Home = Home()
    kedro_version: str = ""  #: with which the graph was compiled; unknown for runs of older releases
    #: Digests of the values of parameters, as deployed when the run started; without those of older releases.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: What its nodes are made of, those reused included: `MadeOf.packed`, which nobody reads but a run that resumes it.
    made: str = ""
    #: Inputs that none of its nodes makes → the digest of what storage said of them as the run started.
    inputs: Mapping[str, str] = field(default_factory=dict)
    #: Reused nodes → when they were at work, in the run that made them.
    wrote: Mapping[str, AtWork] = field(default_factory=dict)
    #: Seconds that containers took to start in earlier runs, by `start_key`.
    starts: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def children(self) -> Sequence[Sequence[int]]:
        """Return each group's children."""
        children: list[list[int]] = [[] for _ in self.groups]
        for index, group in enumerate(self.groups):
            for parent in group.parents:
                children[parent].append(index)
        return children

    @cached_property
    def sinks(self) -> frozenset[int]:
        """Return the groups without children: when all of them have succeeded, every group has."""
        return frozenset(index for index, following in enumerate(self.children) if not following)

    @cached_property
    def sinks_by_shard(self) -> Mapping[int, frozenset[int]]:
        """Return the sinks by their shards."""
        shards = by_shard(map(Mark, self.sinks))
        return {shard: frozenset(mark.group for mark in marks) for shard, marks in shards.items()}

    @cached_property
    def remaining(self) -> Sequence[float]:
        """Return the length of the longest path from each group to the end, itself included.

        In seconds, as learned from earlier runs; a group that never ran counts as the median of the others.
        If nothing is known, in groups.
        """
        known = sorted(group.seconds for group in self.groups if group.seconds is not None)
        usual = known[len(known) // 2] if known else 1.0
        longest = [usual if group.seconds is None else group.seconds for group in self.groups]
        for index in reversed(range(len(self.groups))):
            longest[index] += max((longest[child] for child in self.children[index]), default=0.0)
        return longest

    @cached_property
    def longest(self) -> float:
        """Return the length of the critical path, as `remaining` measures."""
        return max(self.remaining, default=0.0)

    @cached_property
    def longest_timeout(self) -> int:
        """Return the longest time-out of a group, in seconds; 0 if none has one."""
        return max((group.resources.get("timeout") or 0 for group in self.groups), default=0)

    @cached_property
    def urgency(self) -> Sequence[float]:
        """Return how soon each group should run, from 0 to 9999: by what its share of a queue gives it, or its path.

        Batch starts the jobs of a share in this order (`schedulingPriorityOverride`).
        """
        most = limits.PRIORITY.most / self.longest if self.longest else 0.0
        return [float(self.priorities.get(index, most * left)) for index, left in enumerate(self.remaining)]

    @cached_property
    def priorities(self) -> Mapping[int, int]:
        """Return the priorities that groups were given; only queues that share fairly know any."""
        asked = ((index, group.resources) for index, group in enumerate(self.groups))
        return {
            index: one["priority"]
            for index, one in asked
            if one.get("priority") is not None and one.get("share_identifier")
        }

    def start_seconds(self, group: int) -> float | None:
        """Return how long a group's container took to start in earlier runs, if that is known."""
        return self.starts.get(start_key(self.groups[group].resources))

    @property
    def node_count(self) -> int:
        """Return how many nodes the run has; a split node counts as one."""
        return len({name for group in self.groups for name in group.nodes})

    def step(self, attempt: int) -> int:
        """Return how often an attempt's memory was raised.

        Where containers carry on, each step has two attempts: the second repeats the first unchanged, if that ended
        through no fault of its group.
        """
        return attempt // 2 if self.settings.warm_containers else attempt

    def as_before(self, attempt: int) -> int | None:
        """Return the attempt that repeats another unchanged; None if that was a repetition itself."""
        return attempt + 1 if self.settings.warm_containers and attempt % 2 == 0 else None

    def with_more_memory(self, attempt: int) -> int:
        """Return the attempt that follows one that ran out of memory."""
        return (self.step(attempt) + 1) * (2 if self.settings.warm_containers else 1)

    def memory(self, group: int, attempt: int) -> int | None:
        """Return the MiB that an attempt of a group asks for; None if there is no such attempt or no figure."""
        resources = self.groups[group].resources
        step = self.step(attempt)
        if step == 0 or self.settings.memory_retry is None:
            return resources.get("memory") if step == 0 else None
        if attempt >= MOST_ATTEMPTS:
            return None
        return self.settings.memory_retry.memory(resources, step, self.settings.launch_type == "FARGATE")

    def job_name(self, group: int, attempt: int) -> str:
        """Return the job name for an attempt of a group."""
        first = self.groups[group]
        return JobName(project=self.project, run_id=self.run_id, group=group, attempt=attempt).write(
            unit(first.nodes[0], first.part)
        )

    def array_name(self, first: Mark) -> str:
        """Return the name of the array job with this claim on its first member."""
        name = JobName(
            project=self.project, run_id=self.run_id, group=first.group, attempt=first.attempt, array=first.generation
        )
        return name.write(self.groups[first.group].nodes[0])

    def resources(self, group: int, attempt: int) -> Resources:
        """Return the resources that an attempt of a group asks for."""
        resources = dict(self.groups[group].resources)
        if self.step(attempt):
            resources["memory"] = self.memory(group, attempt)
        return resources


def start_key(resources: Resources) -> str:
    """Return what the starts of containers are learned by: their queue and definition, whatever its revision."""
    definition = _REVISION.sub("", resources["job_definition"])
    return f"{resources['job_queue']} {definition}"


def dump_plan(plan: Plan) -> bytes:
    """Return the plan as compressed JSON."""
    retry = plan.settings.memory_retry
    body = {
        "format": SLICED_PLAN_FORMAT if any(group.part for group in plan.groups) else PLAN_FORMAT,
        "run_id": plan.run_id,
        "project": plan.project,
        "environment": plan.environment,
        "pipelines": plan.pipelines,
        "params": plan.params,
        "settings": {**vars(plan.settings), "memory_retry": retry and vars(retry)},
        "groups": [
            [
                *(g.nodes, g.signatures, g.parents, g.resources, g.load_versions, g.pipelines, g.seconds),
                *([g.part.as_json()] if g.part else []),
            ]
            for g in plan.groups
        ],
        "reused": {name: [node.signature, node.run_id] for name, node in plan.reused.items()},
        "home": vars(plan.home),
        "kedro_version": plan.kedro_version,
        "parameters": plan.parameters,
        "made": plan.made,
        "inputs": plan.inputs,
        "wrote": plan.wrote,
        "starts": plan.starts,
    }
    return zlib.compress(json.dumps(body, separators=(",", ":")).encode(), 6)


def load_plan(packed: bytes) -> Plan:
    """Return the plan from `dump_plan`. Raises InvalidGraphError for another format."""
    body = json.loads(zlib.decompress(packed))
    if body.get("format") not in (PLAN_FORMAT, SLICED_PLAN_FORMAT):
        raise InvalidGraphError(
            f"Run {body.get('run_id')} was started by a release that stores plans in format {body.get('format')}, "
            f"but this one reads formats {PLAN_FORMAT} and {SLICED_PLAN_FORMAT}. "
            "Deploy that release again until the run has ended."
        )
    settings = body["settings"]
    retry = settings["memory_retry"]
    return Plan(
        run_id=body["run_id"],
        project=body["project"],
        environment=body["environment"],
        pipelines=tuple(body["pipelines"]),
        params=body["params"],
        settings=RunSettings(
            on_failure=OnFailure(settings["on_failure"]),
            job_command=settings["job_command"],
            launch_type=settings["launch_type"],
            max_workers=settings["max_workers"],
            memory_retry=MemoryRetry(**retry) if retry else None,
            array_jobs=settings["array_jobs"],
            warm_containers=settings["warm_containers"],
            warm_seconds=settings["warm_seconds"],
        ),
        groups=tuple(
            Group(
                nodes=tuple(nodes),
                signatures=tuple(signatures),
                parents=tuple(parents),
                resources=resources,
                load_versions=load_versions,
                pipelines=tuple(pipelines),
                seconds=seconds,
                part=read_slice(next(iter(part), None)),
            )
            for nodes, signatures, parents, resources, load_versions, pipelines, seconds, *part in body["groups"]
        ),
        reused={name: Reused(signature, run_id) for name, (signature, run_id) in body["reused"].items()},
        home=Home(**body["home"]),
        kedro_version=body.get("kedro_version", ""),
        parameters=body.get("parameters", {}),
        made=body.get("made", ""),
        inputs=body.get("inputs", {}),
        wrote={name: AtWork(began, ended) for name, (began, ended) in body.get("wrote", {}).items()},
        starts=body.get("starts", {}),
    )
