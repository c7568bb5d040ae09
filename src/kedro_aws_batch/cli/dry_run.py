"""The output of `run --dry-run` and `compile --explain`: jobs in order, what they ask for, how they are submitted."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch._service.dag.errors import DagError
from kedro_aws_batch._service.dag.meaning import reuse_wanted
from kedro_aws_batch._service.dag.preview import preview
from kedro_aws_batch._service.dag.resources import left_to_definition, shown
from kedro_aws_batch.sizing import to_run
from kedro_aws_batch.wording import counted, one_line

from .expectation import ToExpect
from .prepare import prepare, request_of, require_parameters, service_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kedro_aws_batch._service.dag.document import GraphDocument
    from kedro_aws_batch._service.dag.preview import PlannedGroup, Preview
    from kedro_aws_batch.launch.selection import RunOptions, Selection

    from .options import Way


#: What is certain before a run about containers that carry on; how many start depends on how long its nodes take.
CARRYING = (
    "Containers carry on: one that has done its nodes takes others that are ready and fit, so fewer may start than "
    "are listed."
)


def show(way: Way, selection: Selection, asked: RunOptions, as_json: bool) -> None:
    """Print what would run. Raises a DagError if the service would refuse it, and parameters that nodes would miss."""
    prepared = prepare(way, selection)
    request = request_of(way, prepared, selection, asked)
    found = preview(prepared.compiled.read, request)
    require_parameters(prepared, (name for group in found.groups for name in group.nodes))
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(preview_lines(found)))
    if reuse_wanted(prepared.compiled.read, request):
        click.echo("Earlier runs weren't looked at. With --reuse, a dry run says what of this would not run.")
    run = ToExpect(prepared, request, carrying=found.settings["warm_containers"])
    local = way.where.local
    click.echo(run.here(way.start_seconds) if local else run.there(service_of(way, prepared, selection)))


def explained(document: GraphDocument) -> Iterator[str]:
    """Yield for each pipeline which of its nodes share a job, and why."""
    for name in (name for name, nodes in document.pipelines.items() if nodes):
        try:
            found = preview(document, {"pipeline": name})
        except DagError as error:
            yield f"{name}: can't run. {error}"
            continue
        sharing = list(shared(found))
        rest = "each node has a job of its own." if not sharing else ""
        yield f"{name}: {size_of(found)}; {rest}".rstrip("; ")
        yield from sharing


def size_of(found: Preview) -> str:
    """Return the size of a run to come."""
    return to_run(found.nodes, len(found.groups), carrying=found.settings["warm_containers"])


def shared(found: Preview) -> Iterator[str]:
    """Yield two lines for each job of several nodes: the nodes, and why they share it."""
    for group, _ in folded(found.groups):
        if len(group.nodes) > 1:
            yield f"  {one_line(', '.join(group.nodes))}"
            yield f"      together, because {'; '.join(map(one_line, group.why))}"


def folded(groups: Sequence[PlannedGroup]) -> Iterator[tuple[PlannedGroup, int]]:
    """Yield the groups with the number of slices that each stands for: the first for all, 0 if nothing is split."""
    slices = Counter(group.nodes for group in groups if group.slice)
    first = {group.nodes: group.index for group in reversed(groups)}
    yield from ((group, slices[group.nodes]) for group in groups if first[group.nodes] == group.index)


def preview_lines(found: Preview) -> Iterator[str]:
    """Yield what would run, as text."""
    steps = max((group.step for group in found.groups), default=-1) + 1
    yield f"{size_of(found)}, in {counted(steps, 'step')}; the jobs of a step don't depend on each other."
    for step in range(steps):
        yield ""
        yield f"Step {step + 1}: {_submitted(found, step)}"
        for group, slices in folded(found.groups):
            if group.step == step:
                split = f" (split {slices})" if slices else ""
                yield f"  {one_line(', '.join(group.nodes))}{split}{_asked(group.resources)}"
                if len(group.nodes) > 1:
                    yield f"      together, because {'; '.join(map(one_line, group.why))}"
    yield ""
    yield from _settings(found.settings)


def _submitted(found: Preview, step: int) -> str:
    jobs = [job for job in found.jobs if job.step == step]
    single, arrays = [job for job in jobs if not job.array], [job for job in jobs if job.array]
    parts = [counted(len(single), "job")] if single else []
    parts += [f"an array of {len(job.groups)}" for job in arrays]
    where = sorted({f"{job.job_definition} on {job.job_queue}" for job in jobs})
    return f"{', '.join(parts)} ({', '.join(where)})"


def _asked(resources: Mapping[str, Any]) -> str:
    rest = ", ".join(left_to_definition(resources))
    parts = [", ".join(shown(resources)), f"the definition's {rest}" if rest else ""]
    return f"  [{'; '.join(filter(None, parts))}]"


def _settings(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["warm_containers"]:
        yield CARRYING
    most = settings["max_workers"]
    limit = "as many jobs at once as are ready" if most is None else f"at most {counted(most, 'job')} at once"
    yield f"Would run {limit}; when one fails: {settings['on_failure']}. Nothing was submitted."
