"""A job's payload: `KEDRO_AWS_BATCH_JOB`, as in docs/contracts.md."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag import variables
from kedro_aws_batch._service.dag.jobs import is_run_id
from kedro_aws_batch._service.dag.payload import FORMAT, SLICED_FORMAT, unpacked
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch._service.dag.slices import Slice, read_slice
from kedro_aws_batch.container.asking import ask
from kedro_aws_batch.container.door import Door
from kedro_aws_batch.errors import PayloadError
from kedro_aws_batch.marks import first_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Payload:
    """The part of a run that one job runs: the nodes of one group."""

    run_id: str
    nodes: tuple[str, ...]
    #: The beginnings of the nodes' signatures in the run's graph, in one text; empty if the service gives none.
    signatures: str = ""
    environment: str | None = None
    pipelines: tuple[str, ...] = ("__default__",)
    params: Mapping[str, Any] = field(default_factory=dict)
    load_versions: Mapping[str, str] = field(default_factory=dict)
    #: Whether the same nodes may have run before in this run, so that their versions may exist.
    again: bool = False
    #: The source of the configuration, if not the project's `conf`: a path within the project, or a URL.
    conf_source: str | None = None
    #: The nodes' slice of their partitions, if they are split.
    part: Slice | None = None
    #: Seconds after which its nodes are ended; None means Batch's own time-out.
    timeout: int | None = None
    #: How often it may be tried, in a container that carries on and that Batch would try more often.
    attempts: int | None = None
    #: If the container carries on: whom it asks for the next group.
    door: Door | None = None

    def command(self) -> str:
        """Return the equivalent `kedro run`, for display, with only the names of run parameters.

        More people read logs than may read a run's parameters.
        """
        words = []
        if self.environment:
            words.append(f"--env={self.environment}")
        words.append(f"--pipelines={','.join(self.pipelines)}")
        if self.params:
            words.append(f"--params={','.join(f'{name}=…' for name in _names(self.params))}")
        if self.load_versions:
            pins = ",".join(f"{name}:{version}" for name, version in sorted(self.load_versions.items()))
            words.append(f"--load-versions={pins}")
        if self.conf_source:
            words.append(f"--conf-source={self.conf_source}")
        of = f"  # slice {self.part} of {listed(dict.fromkeys(self.part.over.values()))}" if self.part else ""
        return f"{first_words(self.nodes)} {shlex.join(words)}{of}"


def read_payload(environment: Mapping[str, str]) -> Payload:
    """Return this job's payload from environment variables; an array's child takes the entry at its index."""
    raw, group = _told(environment)
    return read_group(environment, raw, group)


def read_group(environment: Mapping[str, str], raw: Mapping[str, Any], group: Mapping[str, Any]) -> Payload:
    """Return a group of a payload, for this container. Raises PayloadError."""
    nodes = group.get("nodes")
    if not nodes:
        raise PayloadError(f"The group in {variables.JOB} names no nodes.")
    return Payload(
        run_id=_run_id(raw),
        nodes=tuple(nodes),
        signatures=group.get("signatures") or "",
        environment=raw.get("environment"),
        pipelines=tuple(group.get("pipelines") or raw.get("pipelines") or ("__default__",)),
        params=raw.get("params") or {},
        load_versions=group.get("load_versions") or {},
        conf_source=environment.get(variables.CONF_SOURCE) or None,
        part=_part(group),
        timeout=group.get("timeout"),
        attempts=group.get("attempts"),
        door=_door(environment, raw.get("next")),
        again=any(
            _number(attempt, first) > first
            for attempt, first in (
                (environment.get(variables.BATCH_ATTEMPT), 1),
                (raw.get("attempt"), 0),
                (group.get("attempt"), 0),
            )
        ),
    )


def _told(environment: Mapping[str, str]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the payload and this job's group in it. A payload that was asked for has only that group."""
    raw = _variable(environment)
    if "ask" in raw:
        whole = ask(_run_id(raw), raw["ask"], _index(environment))
        return whole, _groups(whole)[0]
    whole = unpacked(raw)
    return whole, _group(_groups(whole), _index(environment))


def _door(environment: Mapping[str, str], told: Mapping[str, Any] | None) -> Door | None:
    job_id = environment.get(variables.BATCH_JOB)
    if not told or not job_id:
        return None
    return Door(
        function=told["function"],
        job=told["job"],
        token=told["token"],
        index=_index(environment),
        job_id=job_id,
        epoch=_number(environment.get(variables.BATCH_ATTEMPT), 1),
        seconds=told["seconds"],
    )


def _variable(environment: Mapping[str, str]) -> dict[str, Any]:
    text = environment.get(variables.JOB)
    if not text:
        raise PayloadError(
            f"{variables.JOB} is not set: this command runs in jobs that start_run submits, not by hand."
        )
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise PayloadError(f"{variables.JOB} is not JSON: {error}.") from error
    if not isinstance(raw, dict):
        raise PayloadError(f"{variables.JOB} must be a JSON object.")
    if raw.get("format") not in (FORMAT, SLICED_FORMAT):
        raise PayloadError(
            f"{variables.JOB} has format {raw.get('format')!r}, but this image reads formats {FORMAT} and "
            f"{SLICED_FORMAT}: build the image with the kedro-aws-batch version that the service was deployed with."
        )
    return raw


def _index(environment: Mapping[str, str]) -> int | None:
    """Return the index of this array child; None outside of arrays."""
    index = environment.get(variables.BATCH_INDEX)
    return None if index is None else _number(index, 0)


def _groups(whole: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = whole.get("groups")
    if not isinstance(groups, list) or not groups:
        raise PayloadError(f"{variables.JOB} must be a JSON object with a list of groups.")
    for position, group in enumerate(groups):
        if not isinstance(group, dict):
            raise PayloadError(f"Group {position} in {variables.JOB} is not a JSON object.")
    return groups


def _group(groups: Sequence[Mapping[str, Any]], index: int | None) -> Mapping[str, Any]:
    if index is None and len(groups) > 1:
        raise PayloadError(
            f"{variables.JOB} holds {len(groups)} groups, but {variables.BATCH_INDEX}, which picks one, is not set."
        )
    if not 0 <= (index or 0) < len(groups):
        raise PayloadError(
            f"{variables.JOB} holds {len(groups)} groups, but {variables.BATCH_INDEX} asks for index {index}."
        )
    return groups[index or 0]


def _run_id(raw: Mapping[str, Any]) -> str:
    run_id = raw.get("run_id")
    if not isinstance(run_id, str) or not is_run_id(run_id):
        raise PayloadError(f"{variables.JOB} has run_id {run_id!r}; it must look like 2026-11-22T13.11.00.123Z.")
    return run_id


def _number(value: Any, default: int) -> int:
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        return default


def _part(group: Mapping[str, Any]) -> Slice | None:
    try:
        return read_slice(group.get("slice"))
    except (KeyError, TypeError, ValueError) as error:
        raise PayloadError(f"The slice in {variables.JOB} is malformed: {group.get('slice')!r}.") from error


def _names(params: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in params.items():
        if isinstance(value, dict) and value:
            yield from _names(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
