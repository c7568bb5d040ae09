"""A run on this machine: the embedded AWS, with the last run's state, around the same service and the same jobs."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kedro_aws_batch._service.dag import variables
from kedro_aws_batch._service.dag.configuration import read_overrides
from kedro_aws_batch._service.dag.sizes import impossible
from kedro_aws_batch.client import Service
from kedro_aws_batch.container.libraries import imported, settings
from kedro_aws_batch.errors import ProjectError, ServiceError, missing_packages
from kedro_aws_batch.files import write_atomically
from kedro_aws_batch.graph.compile import to_json
from kedro_aws_batch.kept.commands import Live, in_progress, in_progress_now
from kedro_aws_batch.kept.logs import KeptLogs, local_causes
from kedro_aws_batch.kept.place import folder, forget
from kedro_aws_batch.kept.state import State
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.show.outcome import LAST_WORDS, Ending, end_of_log
from kedro_aws_batch.sizing import carries_on
from kedro_aws_batch.wording import counted

from .commands import Commands
from .execution import Execution, show_rehearsal, start, watch
from .follow import Pace
from .inputs import Uploaded, buckets, exists, free_inputs, local_sources, upload
from .keeping import Keeping
from .machine import asked_of_jobs, vcpus_here, workers_here
from .settling import settle
from .sources import for_jobs
from .stored import stored_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.graph.compile import Compiled
    from kedro_aws_batch.graph.project import Project
    from kedro_aws_batch.kept.commands import Command
    from kedro_aws_batch.local import EmbeddedAws
    from kedro_aws_batch.show.causes import Causes
    from kedro_aws_batch.show.display import Display

    from .selection import RunOptions, Selection

_Answer = TypeVar("_Answer")
#: Seconds: at most one request a second, as elsewhere, though nobody would be throttled here.
PACE = Pace(interval=1)


@dataclass(frozen=True)
class LocalRun:
    """A run to make on this machine."""

    project: Project
    compiled: Compiled
    selection: Selection
    asked: RunOptions
    #: Narrows the selection, once datasets can be read; returns None if nothing is left to run.
    narrow: Callable[[Selection], Selection | None]
    #: The datasets that the run's pipelines read; other inputs may be missing.
    needed: Collection[str]
    commands: Commands
    #: The request of the run that it resumes.
    earlier: Mapping[str, Any] = field(default_factory=dict)
    fresh: bool = False
    #: Whether to say only what would run.
    dry_run: bool = False
    #: The datasets' own access keys, id → secret: the embedded S3 takes them.
    s3_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: How long each job takes to start.
    start_seconds: float = 0


def run_locally(run: LocalRun, display: Display) -> int:
    """Run on the embedded AWS and return the exit code. Its objects on S3 and its run table are saved."""
    return _on_embedded_aws(run, lambda aws, command: _run(run, aws, command, display))


def ask_locally(run: LocalRun, display: Display, ask: Callable[[Service], _Answer]) -> _Answer:
    """Return the answer to a question about earlier local runs, whose data datasets find. Nothing is saved."""

    def answer(aws: EmbeddedAws, command: Command) -> _Answer:
        _restore(run, aws, command, display)
        with _environment(aws.environment):
            return ask(Service(aws.service_prefix, aws.client("lambda")))

    return _on_embedded_aws(run, answer)


def _on_embedded_aws(run: LocalRun, act: Callable[[EmbeddedAws, Command], _Answer]) -> _Answer:
    try:
        from kedro_aws_batch.local import EmbeddedAwsError  # noqa: PLC0415
    except ImportError as error:
        raise missing_packages("Local runs", error, "local") from error
    if run.fresh:
        _forget(run.project.path)
    try:
        with (
            _terminated_like_interrupted(),
            in_progress(run.project.path) as command,
            _embedded_aws(run, command) as aws,
        ):
            return act(aws, command)
    except EmbeddedAwsError as error:
        raise ServiceError(str(error), "Failed") from error


def _forget(project: Path) -> None:
    if in_progress_now(project):
        raise ProjectError("A local run is in progress, and --fresh would delete its objects. Wait for its end.")
    forget(project)


def _restore(run: LocalRun, aws: EmbeddedAws, command: Command, display: Display) -> State:
    """Restore what earlier runs have saved, and put the current inputs beside it."""
    state = State(project=run.project.path, storage=aws.storage, command=command.name)
    state.load()
    for run_id in settle(run.project.path, aws):
        display.note(f"Run {run_id} was cut off before its end; the work of its jobs is kept.", "dim")
    for bucket in buckets(run.compiled):
        aws.storage.create_bucket(bucket)
    _say(display, _upload_inputs(run, aws))
    return state


def _run(run: LocalRun, aws: EmbeddedAws, command: Command, display: Display) -> int:
    state = _restore(run, aws, command, display)
    if run.dry_run:
        return _rehearse(run, aws, display)
    state.save()  # first, to find out whether the state can be saved
    command.reached_at(_live(aws))
    service = Service(aws.service_prefix, aws.client("lambda"), _causes(run.project.path, aws.client("logs")))
    keeping = Keeping(
        service=service,
        state=state,
        logs=KeptLogs(folder(run.project.path) / "logs", aws.client("logs")),
        display=display,
    )
    try:
        return _execute(run, aws, keeping)
    finally:
        keeping.finish()


def _causes(project: Path, logs: Any) -> Causes:
    return local_causes(project, lambda group: end_of_log(logs, group, LAST_WORDS)[0])


@contextmanager
def kept_data(run: LocalRun) -> Iterator[None]:
    """Let datasets of this process use the data of earlier local runs. Changes to it meanwhile are not saved."""
    with in_progress(run.project.path) as command, _embedded_aws(run, command) as aws:
        State(project=run.project.path, storage=aws.storage, command=command.name).load()
        with _environment(aws.environment):
            yield


def _live(aws: EmbeddedAws) -> Live:
    return Live(
        endpoint_url=aws.endpoint_url,
        region=aws.region,
        service=aws.service_prefix,
        access_key_id=aws.access_key.id,
        secret_access_key=aws.access_key.secret,
    )


def _rehearse(run: LocalRun, aws: EmbeddedAws, display: Display) -> int:
    """Print what would run. Nothing is saved, so the uploaded inputs are forgotten, too."""
    request = _request(run, aws, display)
    if request is None:
        return 0
    service, carrying = Service(aws.service_prefix, aws.client("lambda")), carries_on(run.compiled.document, request)
    return show_rehearsal(service, display, request, carrying=carrying)


def _request(run: LocalRun, aws: EmbeddedAws, display: Display) -> dict[str, Any] | None:
    """Return the run's request; None if nothing is left to run, which it notes."""
    with _environment(aws.environment):
        narrowed = run.narrow(run.selection)
        if narrowed is None:
            display.note("All outputs exist: nothing to run.")
            return None
        request = {**narrowed.request(), **run.asked.request()}
        workers = workers_here(run.compiled.document, {**run.earlier, **request})
        if workers is not None:
            request["max_workers"] = workers
        # Inputs are put here in the second in which the run starts: by that time alone a resume couldn't tell.
        stored = stored_for(run.project, run.compiled.read, request, run.earlier, notes=True)
    if run.asked.resume_from:
        for line in stored.notes():
            display.note(line)
    return {**request, **stored.request()}


def _execute(run: LocalRun, aws: EmbeddedAws, keeping: Keeping) -> int:
    display, here = keeping.display, Path.cwd()  # it may be gone by the end

    def ending(ended: RunState) -> Ending:
        place = keeping.logs.place / ended.run_id
        return Ending(keeping.logs.logs, os.path.relpath(place, here), run.commands.to)

    request = _request(run, aws, display)
    if request is None:
        return 0
    aws.fork_jobs(_modules(run.compiled), _common_environment(run.compiled))
    carrying = carries_on(run.compiled.document, request)
    execution = Execution(
        service=keeping, display=display, pace=PACE, ending=ending, carrying=carrying, again=run.commands
    )
    return watch(execution, start(execution, request)).exit_code


def _embedded_aws(run: LocalRun, command: Command) -> EmbeddedAws:
    from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings, service_root  # noqa: PLC0415

    write_atomically(command.graph, to_json(run.compiled.signed).encode())
    settings, nodes = run.compiled.document["run"], run.compiled.document["nodes"]
    queues, definitions = (_asked(run, key) for key in ("job_queue", "job_definition"))
    platform, most = settings["launch_type"], vcpus_here(run.compiled.document, run.selection.params)
    return EmbeddedAws(
        service=service_root(),
        graph_document=command.graph,
        jobs_cwd=run.project.path,
        job_queue=settings["job_queue"],
        job_definition=settings["job_definition"],
        job_queues=dict.fromkeys(sorted(queues - {settings["job_queue"]}), most),
        job_definitions={
            name: JobDefinitionSettings(platform=_platform(name, nodes, platform))
            for name in sorted(definitions - {settings["job_definition"]})
        },
        platform=platform,
        max_vcpus=most,
        s3_keys=run.s3_keys,
        fair_share=_fair_queues(run),
        shared_paths=run.compiled.configuration.shared_paths,
        start_seconds=run.start_seconds,
        job_environment=_conf_source(run.project),
        packaged={"reuseBuckets": ",".join(buckets(run.compiled))},
    )


def _modules(compiled: Compiled) -> list[str]:
    """Return what jobs will import, as far as is known: what the project has imported here, and where its data is.

    Not what its functions may import when they are called: all jobs would have it in the memory that they say they use.
    """
    stored = ["s3fs"] if buckets(compiled) else []
    return [*imported(settings()), *stored]


def _common_environment(compiled: Compiled) -> dict[str, str]:
    """Return the variables that all jobs set alike."""
    resources = [node["resources"] for node in compiled.document["nodes"]]
    each = [{(name, str(value)) for name, value in one.get("environment", {}).items()} for one in resources]
    return dict(set.intersection(*each)) if each else {}


def _conf_source(project: Project) -> dict[str, str]:
    source = for_jobs(project.opening.conf_source, project.path)
    return {} if source is None else {variables.CONF_SOURCE: source}


def _asked(run: LocalRun, key: str) -> set[Any]:
    return asked_of_jobs(run.compiled.document, run.selection.params, key)


def _fair_queues(run: LocalRun) -> set[str]:
    """Return the queues with fair-share scheduling: those whose jobs name a share."""
    usual, nodes = run.compiled.document["run"]["job_queue"], run.compiled.document["nodes"]
    if read_overrides(run.selection.params)[0].named("share_identifier"):
        return {usual, *_asked(run, "job_queue")}
    resources = (node["resources"] for node in nodes)
    return {one.get("job_queue", usual) for one in resources if one.get("share_identifier")}


def _platform(definition: str, nodes: Sequence[Mapping[str, Any]], usual: str) -> str:
    """Return the platform for another definition's jobs: the one that has all the sizes that they ask for."""
    asked = [node["resources"] for node in nodes if node["resources"].get("job_definition") == definition]
    kinds = sorted(("EC2", "FARGATE"), key=lambda kind: kind != usual)
    return next((kind for kind in kinds if not any(impossible(one, [kind]) for one in asked)), usual)


def _upload_inputs(run: LocalRun, aws: EmbeddedAws) -> Uploaded:
    bare = free_inputs(run.compiled, {})
    if not bare:
        return Uploaded()
    sources = local_sources(run.project, [one.dataset for one in bare])
    with _environment(aws.environment), stdout_kept_clean():
        inputs = free_inputs(run.compiled, sources)
        return upload(aws.client("s3"), inputs, run.needed, lambda name: exists(run.project, name))


def _say(display: Display, uploaded: Uploaded) -> None:
    if uploaded.files or uploaded.unchanged:
        size, unchanged = f"{uploaded.size / 1e6:.1f} MB", f"{uploaded.unchanged} already there"
        display.note(f"Inputs: {counted(uploaded.files, 'file')} uploaded to the embedded S3 ({size}), {unchanged}")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while, so that datasets made here use the embedded S3."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Make SIGTERM act like Ctrl-C, so that the run is cancelled and its state saved."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
