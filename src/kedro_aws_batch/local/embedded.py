"""The embedded AWS as a whole: its parts, its start and its end."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
import botocore.session
from botocore.config import Config
from moto.awslambda.models import lambda_backends
from moto.core.base_backend import BackendDict
from moto.core.serialize import SERVICE_SPECIFIC_SERIALIZERS
from moto.dynamodb.models import dynamodb_backends
from moto.events.models import events_backends
from moto.sqs.models import sqs_backends

from kedro_aws_batch._service.dag import limits, variables
from kedro_aws_batch.local.admission import Admission
from kedro_aws_batch.local.alarms import Alarms
from kedro_aws_batch.local.batch.api import BatchApi
from kedro_aws_batch.local.batch.engine import Engine, Surroundings
from kedro_aws_batch.local.batch.folders import Folders
from kedro_aws_batch.local.batch.launch import Launcher, image_environment
from kedro_aws_batch.local.compute import Compute, JobDefinitionSettings
from kedro_aws_batch.local.errors import EmbeddedAwsError
from kedro_aws_batch.local.events import DeliveringEventsBackend, EventBus, new_event
from kedro_aws_batch.local.forks import Shared
from kedro_aws_batch.local.functions import AsyncInvoker, Functions
from kedro_aws_batch.local.gateway import Gateway
from kedro_aws_batch.local.logs import Logs
from kedro_aws_batch.local.loopback import LoopbackServer, Request, Response
from kedro_aws_batch.local.mapping import MappedLambdaBackend, Mappings
from kedro_aws_batch.local.place import Place, new_access_key
from kedro_aws_batch.local.processes import Processes
from kedro_aws_batch.local.provision import Deployment, Provisioner
from kedro_aws_batch.local.queues import AtomicSqsBackend
from kedro_aws_batch.local.storage import Storage
from kedro_aws_batch.local.tables import AttributeSerializer, PartitionedDynamoDBBackend
from kedro_aws_batch.local.template import read_service
from kedro_aws_batch.package.names import names

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from kedro_aws_batch.local.jsons import Json
    from kedro_aws_batch.local.place import AccessKey

#: moto's state belongs to the process, so there can be one embedded AWS in it.
_only = threading.Lock()


@dataclass
class EmbeddedAws:
    """An AWS in this process, from `with` to its end; one at a time.

    Jobs run as processes, each on its own copy of what an image of
    `jobs_cwd` would have. Functions of the service's serverless.yml run in processes
    of their own. Without a service there are no functions. Nothing that it starts
    outlives it or the process, however that ends.
    """

    #: The tree with serverless.yml, as `service_root()` finds it; None for no functions.
    service: Path | None = None
    graph_document: Path | None = None
    jobs_cwd: Path = field(default_factory=Path.cwd)
    job_queue: str = "embedded_queue"
    job_definition: str = "embedded_definition"
    #: `EC2` or `FARGATE`: the platform of the queues and of the default definition.
    platform: str = "EC2"
    #: The vCPUs that the jobs of `job_queue` share.
    max_vcpus: int = 8
    #: The queues with fair-share scheduling.
    fair_share: Collection[str] = ()
    #: Folders that all jobs see, within `jobs_cwd` or elsewhere.
    shared_paths: Sequence[str] = ()
    #: Seconds from a job's STARTING to its RUNNING, which AWS needs for hosts and images.
    start_seconds: float = 0
    #: Further queues, name → max vCPUs.
    job_queues: Mapping[str, int] = field(default_factory=dict)
    #: Further definitions; one named like `job_definition` replaces that.
    job_definitions: Mapping[str, JobDefinitionSettings] = field(default_factory=dict)
    #: Added to every job's environment, as an image's variables would be.
    job_environment: Mapping[str, str] = field(default_factory=dict)
    #: A program that gets every job's command, like an image's ENTRYPOINT; it may ignore it.
    job_entrypoint: Sequence[str] = ()
    #: Added to every function's environment.
    function_environment: Mapping[str, str] = field(default_factory=dict)
    #: Values for the template's parameters; they override those from the queues and definitions.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    #: Values of packaged.json for serverless.yml; they override those from the queues, the definitions and the graph.
    packaged: Mapping[str, Any] = field(default_factory=dict)
    service_prefix: str = "kedro-aws-batch-local"
    region: str = "us-east-1"
    #: How many instances a function may have.
    max_instances: int = 10
    #: Seconds that replace every queue's visibility timeout.
    visibility_timeout: int | None = None
    #: Seconds between the attempts of an asynchronous invocation, by default Lambda's.
    async_retry_delays: tuple[float, ...] = (60, 120)
    #: Seconds from a job's SIGTERM to its SIGKILL, by default ECS's.
    stop_timeout: float = 30
    #: The same when the embedded AWS ends.
    exit_grace: float = 2
    #: The least number of seconds for a job's timeout.
    minimum_job_timeout: int = limits.TIMEOUT_SECONDS.least

    #: Further access keys, id → secret, only for its S3: a catalog may name its own.
    s3_keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    _running: _Running | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> EmbeddedAws:
        """Start, and create the requested resources."""
        if not _only.acquire(blocking=False):
            raise EmbeddedAwsError("There is an embedded AWS in this process already; end that one first.")
        try:
            self._running = _Running(self)
            self._provision()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self._end()

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return self._started.place.endpoint_url

    @property
    def account(self) -> str:
        """Its account id."""
        return self._started.place.account

    @property
    def access_key(self) -> AccessKey:
        """The key that signs requests. It is new each time, so keep it where only you can read it."""
        return self._started.place.key

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process that uses it, access key included."""
        return self._started.place.environment

    @property
    def storage(self) -> Storage:
        """Its contents that may outlive it."""
        return Storage(self._started.place)

    if TYPE_CHECKING:
        # The stubs exist only in development.
        @overload
        def client(self, service: Literal["batch"]) -> BatchClient: ...
        @overload
        def client(self, service: Literal["dynamodb"]) -> DynamoDBClient: ...
        @overload
        def client(self, service: Literal["events"]) -> EventBridgeClient: ...
        @overload
        def client(self, service: Literal["lambda"]) -> LambdaClient: ...
        @overload
        def client(self, service: Literal["logs"]) -> CloudWatchLogsClient: ...
        @overload
        def client(self, service: Literal["s3"]) -> S3Client: ...
        @overload
        def client(self, service: Literal["sqs"]) -> SQSClient: ...

    def client(self, service: str) -> Any:
        """Return a boto3 client of it, closed when it ends."""
        return self._started.client(service)

    def function_name(self, key: str) -> str:
        """Return the name of the function that has this key in serverless.yml."""
        return f"{self.service_prefix}-{key}"

    def fire(self, rule: str) -> None:
        """Fire a scheduled rule now; it also goes on by its schedule."""
        self._started.bus.fire(rule)

    def fork_jobs(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        """On Linux, import what jobs import once, in a process that the plugin's own jobs are forked from.

        `environment` has the variables that their definitions or submissions set: jobs with others are not forked.
        """
        self._started.fork_jobs(modules, environment)

    def reclaim_host(self, job_id: str) -> bool:
        """Take away the host of a job at once, as AWS does with Spot instances; return whether the job was running."""
        return self._started.engine.reclaim(job_id)

    @property
    def _started(self) -> _Running:
        if self._running is None:
            raise EmbeddedAwsError("The embedded AWS has not been started: use it in a `with` statement.")
        return self._running

    def _end(self) -> None:
        try:
            if self._running is not None:
                self._running.stop(self.exit_grace)
        finally:
            self._running = None
            _only.release()

    def _provision(self) -> None:
        running = self._started
        compute = Compute(running.place, running.client("batch"))
        queues = {self.job_queue: self.max_vcpus, **self.job_queues}
        arns = [
            compute.create_queue(name, max_vcpus, self.platform, fair_share=name in self.fair_share)
            for name, max_vcpus in queues.items()
        ]
        definitions = {self.job_definition: JobDefinitionSettings(platform=self.platform), **self.job_definitions}
        for name, settings in definitions.items():
            compute.register(name, settings)
        if self.service is None:
            return
        follows = {"JobQueues": list(queues), "JobQueueArns": arns, "JobDefinitions": list(definitions)}
        environment = dict(self.function_environment)
        if self.graph_document is not None:
            environment[variables.GRAPH_DOCUMENT] = str(self.graph_document.resolve())
        deployment = Deployment(self.service_prefix, {**follows, **self.parameters}, environment)
        # Queues and definitions exist already, so the template must make none.
        service = read_service(self.service, {"batch": "own"}, {**self._names(queues, definitions), **self.packaged})
        provisioner = Provisioner(service, deployment, running.place, running.client)
        for name in provisioner.provision():
            running.functions.code_locations[name] = self.service

    def _names(self, queues: Iterable[str], definitions: Iterable[str]) -> dict[str, Any]:
        """Return what `kedro aws-batch package` would find; without a graph, every job counts as ours."""
        project = _project(self.graph_document)
        told = {
            **names(project, queues, definitions),
            "schedules": [],
            "zonedSchedules": {"Resources": {}},
            "reusePolicy": {"Resources": {}},
        }
        return told if project else {**told, "jobNamePrefix": ""}


class _Running:
    """The parts of a running embedded AWS."""

    def __init__(self, settings: EmbeddedAws) -> None:
        BackendDict.reset()
        self._settings = settings
        self._clients: dict[str, Any] = {}
        key = new_access_key()
        # One for all, since each reads botocore's list of endpoints again. It ignores the profile in AWS_PROFILE.
        self._session = boto3.Session(
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
            region_name=settings.region,
            botocore_session=botocore.session.Session(session_vars={"profile": (None, None, None, None)}),
        )
        self._gateway: Gateway | None = None
        self._server = LoopbackServer(self._answer, "embedded-aws")
        self.place = Place(settings.region, f"http://127.0.0.1:{self._server.port}", key)
        sqs_backends.backend, AtomicSqsBackend.visibility_timeout = AtomicSqsBackend, settings.visibility_timeout
        events_backends.backend, lambda_backends.backend = DeliveringEventsBackend, MappedLambdaBackend
        dynamodb_backends.backend = PartitionedDynamoDBBackend
        SERVICE_SPECIFIC_SERIALIZERS["dynamodb"] = {"json": AttributeSerializer}
        self._folders = Folders(settings.jobs_cwd, settings.shared_paths)
        self._processes = Processes(self._folders.root)
        self._alarms = Alarms()
        logs = Logs(self.place)
        self.functions = Functions(self.place, self._processes, logs, settings.max_instances)
        self._asynchronous = AsyncInvoker(self.functions, self._alarms, settings.async_retry_delays)
        self.bus = EventBus(self.place, self._alarms, lambda arn, body: _ignore(self._asynchronous.invoke(arn, body)))
        self._mappings = Mappings(self.place, self.functions)
        DeliveringEventsBackend.bus, MappedLambdaBackend.mappings = self.bus, self._mappings
        self.engine = Engine(
            Surroundings(
                place=self.place,
                processes=self._processes,
                alarms=self._alarms,
                logs=logs,
                publish=self._publish_job,
                launch=Launcher(self.place, self._folders, settings.job_environment, settings.job_entrypoint),
                stop_timeout=settings.stop_timeout,
                start_seconds=settings.start_seconds,
            )
        )
        batch = BatchApi(self.place, self.engine, settings.minimum_job_timeout)
        self._gateway = Gateway(Admission(key, settings.s3_keys), batch, self.functions, self._asynchronous)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(max_pool_connections=50, retries={"total_max_attempts": 1}, read_timeout=900, proxies={})
            self._clients[service] = self._session.client(  # type: ignore[call-overload]  # the name is not a literal
                service, endpoint_url=self.place.endpoint_url, config=config
            )
        return self._clients[service]

    def fork_jobs(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        usual = {**image_environment(), **self._settings.job_environment, **environment}
        self._processes.share(Shared(modules, usual, self._settings.jobs_cwd.resolve()))

    def stop(self, grace: float) -> None:
        self.engine.stop()
        self._asynchronous.stop()
        self._mappings.stop()
        self._alarms.stop()
        self.functions.stop()
        self._processes.stop(grace)
        self.engine.join()
        self._folders.remove()
        self._asynchronous.join()
        self._mappings.join()
        self.bus.stop()
        for client in self._clients.values():
            client.close()
        self._server.stop()
        DeliveringEventsBackend.bus, MappedLambdaBackend.mappings = None, None
        BackendDict.reset()

    def _answer(self, request: Request) -> Response:
        return Response(503) if self._gateway is None else self._gateway(request)

    def _publish_job(self, detail_type: str, detail: Json) -> None:
        self.bus.publish(new_event("aws.batch", detail_type, detail, (detail["jobArn"],)))


def _project(graph: Path | None) -> str:
    """Return the project of a graph document, if it can be read: the service refuses a bad one."""
    try:
        return str(json.loads(graph.read_bytes())["project"]) if graph is not None else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _ignore(_: object) -> None:
    """Return nothing."""
