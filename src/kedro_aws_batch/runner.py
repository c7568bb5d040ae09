"""`kedro run --env=aws_batch --runner=kedro_aws_batch.AWSBatchRunner`: a run on AWS Batch, from Kedro's own command.

The runner starts the run on the deployed service and shows it. It neither makes nor loads a dataset on this machine:
a run returns nothing, and its outputs are where the catalog says.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from kedro.runner import AbstractRunner

from kedro_aws_batch._service.dag.configuration import read_overrides
from kedro_aws_batch._service.dag.errors import DagError, did_you_mean
from kedro_aws_batch._service.dag.preview import plan_of
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.graph.check import check
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening, as_deployed
from kedro_aws_batch.graph.problems import require_none
from kedro_aws_batch.graph.project import open_project, usual_environment

from .errors import KedroAwsBatchError
from .hooks import hooks
from .launch.commands import Commands
from .launch.remote import RemoteRun, run_on_aws
from .launch.sources import for_jobs, with_conf_source
from .launch.stored import stored_for
from .launch.suggestion import nodes_to_resume_from
from .quiet import stdout_kept_clean
from .show.display import Display, stdout_console

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kedro.io import CatalogProtocol
    from kedro.pipeline import Pipeline
    from pluggy import PluginManager

    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project

    from .client import RunState
    from .hooks import Told

OPTIONS = ("detach", "max_workers", "on_failure", "reuse", "description", "service")


class RunnerError(KedroAwsBatchError, click.ClickException):
    """The run failed, or could not be started; `kedro run` shows the message and exits with 1."""

    def __str__(self) -> str:
        return self.message


class AWSBatchRunner(AbstractRunner):
    """Runs a pipeline on AWS Batch, by the deployed service.

    Options for `--runner-params`: with `detach` it returns once the run has started; `max_workers`, `on_failure`,
    `reuse` and `service` override `aws_batch` in the parameters; `description` is shown with the run.
    """

    def __init__(self, is_async: bool = False, **options: Any) -> None:
        super().__init__(is_async=is_async)
        for name in options:
            if name not in OPTIONS:
                near = did_you_mean(name, OPTIONS) or f" There are: {', '.join(OPTIONS)}."
                raise RunnerError(f"AWSBatchRunner has no parameter '{name}' (--runner-params).{near}")
        self._options = options

    def run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
        hook_manager: PluginManager | None = None,  # noqa: ARG002  (the hooks of nodes and datasets run in the jobs)
        run_id: str | None = None,  # noqa: ARG002  (the service gives the run its id)
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        """Run the pipeline and return no data. Raises RunnerError if it fails or can't be started."""
        if only_missing_outputs:
            pipeline = self._filter_pipeline_for_missing_outputs(pipeline, catalog)
        display = Display(stdout_console())
        if not pipeline.nodes:
            display.note("Nothing to run." if not only_missing_outputs else "All outputs exist: nothing to run.")
            return {}
        unsatisfied = sorted(name for name in pipeline.inputs() if name not in catalog)
        if unsatisfied:
            raise RunnerError(f"Pipeline input(s) {listed(unsatisfied)} not found in the catalog.")
        try:
            self._run_on_aws(pipeline, display)
        except RunnerError:
            raise
        except (KedroAwsBatchError, DagError) as error:
            raise RunnerError(str(error)) from error
        return {}

    def _run_on_aws(self, pipeline: Pipeline, display: Display) -> None:
        told = _told()
        compiled, opened = _compiled(told, display)
        display.prices = compiled.configuration.price_list
        commands = Commands(compiled.document["environment"])
        request = with_conf_source(self._request(pipeline, told, compiled), for_jobs(told.conf_source, opened.path))
        plan_of(compiled.read, request)  # refuses what the service would
        request.update(stored_for(opened, compiled.read, request, {}).request())
        run = RemoteRun(self._prefix(told, compiled), compiled.document, request, commands)
        watched = run_on_aws(run, display, wait=not self._options.get("detach"))
        if watched.state is not None:
            self._conclude(pipeline, watched.state, compiled, display)
        elif watched.exit_code:
            raise SystemExit(watched.exit_code)  # detached: not a failure, which would call hooks

    def _request(self, pipeline: Pipeline, told: Told, compiled: Compiled) -> dict[str, Any]:
        """Return the request to `start_run`, with the nodes by name, unless the pipelines have no others."""
        params = told.run_params
        alone = params.get("pipeline_name")  # before Kedro 1.2
        names = list(params.get("pipeline_names") or [alone or "__default__"])
        known, nodes = compiled.document["pipelines"], compiled.document["nodes"]
        every = {nodes[index]["name"] for name in names for index in known[name]}
        wanted = [node.name for node in pipeline.nodes]
        request = {
            "pipelines": names,
            "nodes": wanted if set(wanted) != every else None,
            "params": dict(params.get("runtime_params") or {}),
            "load_versions": dict(params.get("load_versions") or {}),
            **{key: self._options.get(key) for key in ("max_workers", "on_failure", "description")},
        }
        reuse = {"reuse": self._options["reuse"]} if "reuse" in self._options else {}
        return {**{key: value for key, value in request.items() if value}, **reuse}

    def _prefix(self, told: Told, compiled: Compiled) -> str:
        ours, _ = read_overrides(told.run_params.get("runtime_params") or {})
        return str(self._options.get("service") or ours.settings.get("service") or compiled.configuration.service)

    @staticmethod
    def _conclude(pipeline: Pipeline, state: RunState, compiled: Compiled, display: Display) -> None:
        """End as Kedro's runners do: print what is done, and from which nodes to go on."""
        left = {name for group in state.groups if group.status != "SUCCEEDED" for name in group.nodes}
        done = {node.name for node in pipeline.nodes} - left  # those without a group are reused
        display.note(f"Completed {len(done)} out of {len(pipeline.nodes)} tasks")
        if state.status == "SUCCEEDED":
            return
        if done:
            names = ",".join(nodes_to_resume_from(pipeline, done, compiled.datasets))
            display.note(
                f"There are {len(pipeline.nodes) - len(done)} nodes that have not run.\n"
                "Or resume from the nearest nodes with persisted inputs, by adding the following argument to your "
                f'previous command:\n  --from-nodes "{names}"'
            )
        else:
            display.note("No nodes ran. Repeat the previous command to attempt a new run.")
        raise RunnerError(f"Run {state.run_id} {state.status}{f': {state.reason}' if state.reason else ''}")

    def _run(self, *_: Any, **__: Any) -> None:
        """Do nothing, since `run` does it all: Kedro's own would first make every dataset on this machine."""

    def _get_executor(self, max_workers: int) -> Executor | None:
        """Return no executor: jobs run elsewhere."""


def _told() -> Told:
    if hooks.told is None:
        raise RunnerError(
            "AWSBatchRunner gets the run's arguments from the hooks of kedro-aws-batch, which were not called. Remove "
            "it from DISABLE_HOOKS_FOR_PLUGINS in settings.py, and use the runner in a Kedro session."
        )
    return hooks.told


def _compiled(told: Told, display: Display) -> tuple[Compiled, Project]:
    """Return the whole project, compiled as for deployment, with the run's parameters."""
    path, environment = Path(told.run_params["project_path"]), str(told.run_params.get("env") or usual_environment())
    with stdout_kept_clean():
        given = told.run_params.get("runtime_params") or {}
        params = as_deployed(given)
        project = open_project(Opening(environment=environment, path=path, params=params, conf_source=told.conf_source))
        compiled = compile_project(project)
        problems = check(project, compiled, given)
    for problem in problems:
        if problem.warning:
            display.note(f"Warning: {problem}", "yellow")
    require_none(problems)
    return compiled, project
