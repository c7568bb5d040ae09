"""Does `kedro aws-batch why`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch._service.dag.asked import source_name
from kedro_aws_batch._service.dag.document import base_name, is_parameter
from kedro_aws_batch._service.dag.errors import DagError
from kedro_aws_batch._service.dag.jobs import run_id_at
from kedro_aws_batch._service.dag.meaning import resumed_request, to_ask
from kedro_aws_batch._service.dag.signatures import read_signatures
from kedro_aws_batch.aws import client
from kedro_aws_batch.client import Service
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening, as_deployed
from kedro_aws_batch.graph.origins import Origins
from kedro_aws_batch.graph.places import MEMORY
from kedro_aws_batch.graph.problems import require_none
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.graph.signing.ingredients import ingredients
from kedro_aws_batch.launch.comparing import Differences, differences, in_run, latest_with
from kedro_aws_batch.launch.local import LocalRun, ask_locally
from kedro_aws_batch.launch.own_keys import own_keys
from kedro_aws_batch.launch.remote import differences_explained
from kedro_aws_batch.launch.runs import find_run
from kedro_aws_batch.launch.selection import RunOptions, Selection
from kedro_aws_batch.launch.stored import Stored, ask_storage
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.show.display import Display, stderr_console
from kedro_aws_batch.show.why import DatasetRead, Explained, Found, as_json_of, why_lines

from .filters import merged
from .logs import NoSuchNodeError, nearest_node
from .options import Way
from .prepare import Prepared, request_of
from .service import runs_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kedro_aws_batch._service.dag.document import Node
    from kedro_aws_batch.launch.comparing import RunBefore

    from .options import Where


@dataclass(frozen=True)
class Asked:
    """What to explain."""

    node: str
    run: str | None
    params: Mapping[str, Any]


def why(where: Where, asked: Asked, as_json: bool) -> None:
    """Print what a node is made of, and what of it differs from a run."""
    click.echo(f"Opening the project in environment '{where.environment}'…", err=True)
    prepared = _opened(where, asked.params)
    _place_of(prepared, asked.node, ())
    earlier, without = _earlier(where, asked)
    if earlier is not None:
        params = merged(as_deployed(earlier.state.request.get("params") or {}), as_deployed(asked.params))
        prepared = prepared if params == prepared.project.opening.params else _opened(where, params)
    place = _place_of(prepared, asked.node, earlier.state.pipelines if earlier else ())
    subject = _Subject(where, prepared, earlier, place)
    compared, stored = subject.compared()
    told = Explained(
        node=asked.node,
        made=ingredients(read_signatures(prepared.compiled.signed["signatures"]), place, subject.node),
        origins=Origins(prepared.project),
        parameters=tuple(dict.fromkeys(filter(is_parameter, subject.node.inputs))),
        inputs=tuple(subject.inputs(stored)),
        found=without if earlier is None else subject.found(earlier, compared),
    )
    click.echo(json.dumps(as_json_of(told), indent=2, ensure_ascii=False) if as_json else "\n".join(why_lines(told)))


def _opened(where: Where, params: Mapping[str, Any]) -> Prepared:
    opening = Opening(where.environment, params=as_deployed(params), conf_source=where.conf_source)
    with stdout_kept_clean():
        project = open_project(opening)
        compiled = compile_project(project)
    require_none(compiled.problems)
    return Prepared(project, compiled, [])


def _place_of(prepared: Prepared, name: str, pipelines: Collection[str]) -> int:
    """Return the index of a node, in these pipelines if several have one of its name. Raises NoSuchNodeError."""
    document = prepared.compiled.read
    found = [index for index, node in enumerate(document.nodes) if node.name == name]
    if not found:
        names = list(dict.fromkeys(node.name for node in document.nodes))
        raise NoSuchNodeError(f"The project has no node '{name}'.{nearest_node(name, names)}")
    indices = {index for pipeline in pipelines for index in document.pipelines.get(pipeline, ())}
    return next((index for index in found if index in indices), found[0])


def _earlier(where: Where, asked: Asked) -> tuple[RunBefore | None, str]:
    """Return the run to compare with, or else a sentence that says why there is none."""
    try:
        runs = runs_of(where)
        if isinstance(runs, Service):
            runs = replace(runs, explain=lambda state: state)  # nobody reads logs here
        if asked.run is not None:
            state = runs.describe_run(find_run(runs, asked.run))
            return in_run(state, asked.node), f"Run {state.run_id} has no node '{asked.node}'."
        found = latest_with(runs, asked.node)
        some = found is not None or runs.list_runs(limit=1)
        none = "None of the latest runs has this node." if some else "There is no run yet to compare it with."
    except ServiceError as error:
        if asked.run is not None:
            raise
        return None, f"It isn't compared with a run: {error}"
    return found, none


@dataclass(frozen=True)
class _Subject:
    """A node of the project, and a run to compare it with."""

    where: Where
    prepared: Prepared
    earlier: RunBefore | None
    place: int

    @property
    def node(self) -> Node:
        return self.prepared.compiled.read.nodes[self.place]

    def inputs(self, stored: Stored) -> Iterator[DatasetRead]:
        """Yield the datasets that the node reads."""
        for name in dict.fromkeys(name for name in self.node.inputs if not is_parameter(name)):
            maker = self._makers.get(base_name(name))
            asked = name in self._unmade and (self.earlier is not None or not self.where.local)
            yield DatasetRead(
                name=name,
                made_by=None if maker is None else maker.name,
                asked=asked,
                written=run_id_at(stored.seen[name].at) if name in stored.seen else None,
                untold=stored.untold.get(name),
            )

    def found(self, earlier: RunBefore, compared: Differences) -> Found:
        """Return what differs from a run."""
        return Found(
            run_id=earlier.state.run_id,
            status=earlier.status,
            deployed=not self.where.local,
            why=compared.again.get(self.node.name),
            cut=compared.cut,
            refused=compared.refused,
            follows={name: compared.again[name] for name in self._ancestors() if name in compared.again},
        )

    def compared(self) -> tuple[Differences, Stored]:
        """Return what differs from the earlier run, if there is one, and when inputs were written."""
        project, compiled, earlier = self.prepared.project, self.prepared.compiled, self.earlier
        if earlier is None:  # the embedded S3 has nothing before a run
            return Differences(), Stored() if self.where.local else ask_storage(project, self._unmade, {})
        if not self.where.local:
            prefix = self.where.service or compiled.configuration.service
            return self._ask(Service(prefix, client("lambda")), earlier)
        run = LocalRun(
            project=project,
            compiled=compiled,
            selection=Selection(params=project.opening.params),
            asked=RunOptions(),
            narrow=lambda selection: selection,
            needed=(),
            commands=self.where.commands,
            s3_keys=own_keys(project.catalog, compiled.datasets),
        )
        click.echo("Starting the embedded AWS on this machine…", err=True)
        return ask_locally(run, Display(stderr_console()), lambda service: self._ask(service, earlier))

    def _ask(self, service: Service, earlier: RunBefore) -> tuple[Differences, Stored]:
        """Ask what resuming the run would do, as `resume` itself would ask."""
        project, document = self.prepared.project, self.prepared.compiled.document
        selection, options = Selection(params=project.opening.params), RunOptions(resume_from=earlier.state.run_id)
        request = request_of(Way(self.where, wait=False), self.prepared, selection, options)
        try:
            asked = to_ask(self.prepared.compiled.read, request, earlier.state.request)
        except DagError as error:  # the project has nothing any more of what the run had
            return Differences(refused=str(error)), ask_storage(project, self._unmade, {})
        meant = resumed_request(request, earlier.state.request)
        stored = ask_storage(project, asked | self._unmade, meant)
        told = stored.only({*asked, *map(source_name, filter(None, [meant.get("conf_source")]))})
        whole = {**request, **told.request(), "graph_digest": document["digest"]}
        try:
            with differences_explained(document):
                return differences(service, whole), stored
        except ServiceError as error:
            return Differences(refused=str(error)), stored

    @cached_property
    def _makers(self) -> Mapping[str, Node]:
        return {base_name(name): node for node in self.prepared.compiled.read.nodes for name in node.outputs}

    @property
    def _unmade(self) -> set[str]:
        """Return the node's inputs that no node makes, and that storage may know of."""
        found = self.prepared.compiled.datasets
        names = (name for name in self.node.inputs if not is_parameter(name) and base_name(name) not in self._makers)
        return {name for name in names if found[name].location != MEMORY}

    def _ancestors(self) -> list[str]:
        """Return the nodes that this one follows, the nearest first."""
        found: dict[str, Node] = {}
        left = [self.node]
        while left:
            above = (self._makers.get(base_name(name)) for name in left.pop(0).inputs)
            new = {node.name: node for node in above if node is not None and node.name not in found}
            found |= new
            left += new.values()
        return [*found]
