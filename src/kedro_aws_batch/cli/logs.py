"""Does `kedro aws-batch logs`."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch._service.dag.status import ENDED, GroupStatus
from kedro_aws_batch.containers import neighbours
from kedro_aws_batch.errors import KedroAwsBatchError, ServiceError
from kedro_aws_batch.kept.logs import read_log
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.launch.execution import INTERRUPTED
from kedro_aws_batch.launch.follow import REMOTE
from kedro_aws_batch.launch.runs import find_run
from kedro_aws_batch.show.logs import LogReader
from kedro_aws_batch.wording import one_line, plain

from .service import client_of, runs_of, this_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kedro_aws_batch.client import GroupState, Runs, RunState
    from kedro_aws_batch.show.logs import LogLine

    from .options import Where


class NoSuchNodeError(KedroAwsBatchError):
    """The run has no node of that name."""


@dataclass(frozen=True)
class LogOptions:
    """Which lines to print, and how."""

    #: The node whose job's lines to print; None for all jobs.
    node: str | None
    #: Print lines from this moment on, in milliseconds since the epoch.
    start: int
    #: Whether to wait for lines until the run has ended.
    follow: bool
    as_json: bool
    #: The slice of a split node whose lines to print; None for all.
    slice: int | None = None


def print_logs(where: Where, run: str | None, wanted: LogOptions) -> None:
    """Print what jobs of a run have printed."""
    runs = runs_of(where)
    run_id = find_run(runs, run)
    state = runs.describe_run(run_id)
    if wanted.node and (made_in := state.made_in(wanted.node)):
        its_log = where.commands.to("logs", made_in, wanted.node)
        raise NoSuchNodeError(f"Run {run_id} did not run '{wanted.node}': it reuses what run {made_in} made: {its_log}")
    groups = groups_of(state, wanted.node, wanted.slice)
    if not groups:
        click.echo(f"No log: nothing had changed for run {run_id}, so no node ran.", err=True)
        return
    for told in neighbours(state, groups[0]) if len(groups) == 1 and wanted.node else ():
        click.echo(one_line(told), err=True)
    logs = client_of(where, run_id, "logs")
    if logs is None:
        _show_files(run_id, groups, wanted)
        return
    reader = LogReader(logs, client_of(where, run_id, "batch"))
    try:
        _show(runs, state, reader, wanted)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except ServiceError as error:
        if not where.local or error.type != "Unreachable":
            raise
        # The local run has ended, and its AWS with it: read the remaining lines from the files that it left.
        _show_files(run_id, groups_of(runs.describe_run(run_id), wanted.node, wanted.slice), wanted, reader.read)


def _show(runs: Runs, state: RunState, reader: LogReader, wanted: LogOptions) -> None:
    """Print the lines so far and, with `follow`, new ones until the run has ended."""
    silent, said = True, None
    while True:
        groups = groups_of(state, wanted.node, wanted.slice)
        lines = reader.lines(groups, wanted.start)
        _print(lines, groups, wanted.as_json)
        silent = silent and not lines
        if silent and said != (said := _nothing(groups, wanted)):
            click.echo(said, err=True)
        if not wanted.follow or (state.ended and state.settled) or _over(groups):
            return
        time.sleep(REMOTE.interval)
        state = runs.describe_run(state.run_id)


def _over(groups: Sequence[GroupState]) -> bool:
    """Whether none of these jobs will print any more. Their last lines were read after they had ended."""
    return all(group.status in (*ENDED, GroupStatus.SKIPPED) for group in groups)


def _nothing(groups: Sequence[GroupState], wanted: LogOptions) -> str:
    """Return a message for a log without lines."""
    states = ", ".join(sorted({group.status for group in groups}))
    what = f"{'the job is' if len(groups) == 1 else 'the jobs are'} {states}"
    if _over(groups):
        return f"No log: {what}." if not wanted.start else f"Nothing was printed since then: {what}."
    return f"No log yet: {what}.{' Waiting for it…' if wanted.follow else ''}"


def groups_of(state: RunState, node: str | None, part: int | None = None) -> list[GroupState]:
    """Return the jobs of a node, or of one slice of it, or of the whole run."""
    found = list(state.groups) if node is None else _of_node(state, node)
    if part is None:
        return found
    slices = [group for group in found if group.slice]
    of = [group for group in slices if group.slice and group.slice["number"] == part]
    if not of:
        what = f"Node '{node}'" if node else "No node"
        numbers = sorted({group.slice["number"] for group in slices if group.slice})
        there = f"has slices {numbers[0]} to {numbers[-1]} in run {state.run_id}" if numbers else "is split"
        there = there if numbers or not node else f"isn't split in run {state.run_id}"
        raise NoSuchNodeError(f"{what} {there}: there is no slice {part}.")
    return of


def _of_node(state: RunState, node: str) -> list[GroupState]:
    found = [group for group in state.groups if node in group.nodes]
    resumed = state.resumed or {}
    if not found and node in resumed.get("reused", ()):
        made_in = state.made_in(node)
        made = [made_in] if made_in else [*resumed.get("runs", ())]
        whose = f"run {made[0]} has" if len(made) == 1 else f"one of {listed(made)} has" if made else "another run has"
        raise NoSuchNodeError(f"Run {state.run_id} did not run '{node}': it takes over what {whose} made.")
    if not found:
        names = [name for group in state.groups for name in group.nodes]
        raise NoSuchNodeError(f"Run {state.run_id} has no node '{node}'.{nearest_node(node, names)}")
    return found


def nearest_node(node: str, names: Sequence[str]) -> str:
    """Return ` Did you mean …?` for the nearest of some nodes, or nothing."""
    return (did_you_mean(node, names) if "." in node else "") or _of_a_namespace(node, names)


def _of_a_namespace(node: str, names: Sequence[str]) -> str:
    """Suggest nodes with similar names, apart from their namespaces."""
    short = {name.rpartition(".")[2] for name in names}
    near = get_close_matches(node.rpartition(".")[2], short, n=1)
    found = [name for name in names if name.rpartition(".")[2] in near]
    return f" Did you mean {listed(found)}?" if found else ""


def _print(lines: Iterable[LogLine], groups: Sequence[GroupState], as_json: bool) -> None:
    names = {group.index: group.nodes[0] for group in groups}
    prefixes = _prefixes({group.index: group.labels[0] for group in groups})
    slices = {group.index: {"slice": group.slice["number"]} for group in groups if group.slice}
    for line in lines:
        if as_json:
            entry = {"timestamp": line.timestamp, "group": line.index, "node": names[line.index], "message": line.text}
            more = {"attempt": line.attempt or 1, **slices.get(line.index, {})}
            click.echo(json.dumps({**entry, **more}, ensure_ascii=False))
        else:
            click.echo(_with_prefix(prefixes[line.index], line.attempt, line.text))


def _with_prefix(prefix: str, attempt: int, text: str) -> str:
    again = f" #{attempt}" if attempt else ""
    said = f"{prefix}{again} | " if prefix else (f"{again.strip()} | " if again else "")
    return said + plain(text)


#: Longer names are cut in the middle, if they then still differ.
LONGEST = 30


def _prefixes(names: Mapping[int, str]) -> dict[int, str]:
    """Return prefixes that tell the lines of different jobs apart, all of one width; none for a single job."""
    if len(names) < 2:
        return dict.fromkeys(names, "")
    whole = {index: one_line(name) for index, name in names.items()}
    cut = {index: _cut(name) for index, name in whole.items()}
    told = cut if len(set(cut.values())) == len(set(whole.values())) else whole
    width = max(map(len, told.values()))
    return {index: f"{name:<{width}}" for index, name in told.items()}


def _cut(name: str) -> str:
    """Return the beginning of a name, which is its namespace, and its end, which tells it from others there."""
    return name if len(name) <= LONGEST else f"{name[:10]}…{name[11 - LONGEST :]}"


def _show_files(
    run_id: str, groups: Sequence[GroupState], wanted: LogOptions, read: Mapping[int, int] | None = None
) -> None:
    """Print the logs that an ended local run left, without the lines that were read before."""
    place = folder(this_project()) / "logs" / run_id
    if not place.is_dir():
        raise KedroAwsBatchError(f"The logs of local run {run_id} are gone: only those of the last runs are kept.")
    lines: list[LogLine] = []
    for group in groups:
        since = [line for line in read_log(place, group) if line.timestamp >= wanted.start]
        lines += since[(read or {}).get(group.index, 0) :]
    if not lines and not read:
        click.echo(_nothing(groups, replace(wanted, follow=False)), err=True)
    _print(sorted(lines), groups, wanted.as_json)
