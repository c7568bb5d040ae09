"""Lambda: functions are moto's; the code that runs them is ours."""

from __future__ import annotations

import io
import logging
import tempfile
import threading
import uuid
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends

from kedro_aws_batch.local.errors import ApiError, EmbeddedAwsError
from kedro_aws_batch.local.function import FunctionSettings
from kedro_aws_batch.local.instance import Instance
from kedro_aws_batch.local.runtime_api import Invocation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moto.awslambda.models import LambdaFunction

    from kedro_aws_batch.local.alarms import Alarms
    from kedro_aws_batch.local.logs import Logs
    from kedro_aws_batch.local.place import Place
    from kedro_aws_batch.local.processes import Processes

logger = logging.getLogger(__name__)


class Functions:
    """Invokes functions, in as many instances as are needed and allowed."""

    def __init__(self, place: Place, processes: Processes, logs: Logs, max_instances: int) -> None:
        self._place = place
        self._processes = processes
        self._logs = logs
        self._max_instances = max_instances
        self._changed = threading.Condition()
        self._idle: dict[str, list[Instance]] = defaultdict(list)
        self._count: dict[str, int] = defaultdict(int)
        self._stopping = False
        self._extracted: dict[str, Path] = {}
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        #: Directories with functions' code, by the functions' names; they replace the functions' zips.
        self.code_locations: dict[str, Path] = {}

    def find(self, name: str) -> FunctionSettings:
        """Return a function by its name or ARN."""
        short = name.rpartition("function:")[2].split(":")[0]
        backend = lambda_backends[self._place.account][self._place.region]
        try:
            function = backend.get_function(short, None)
        except UnknownFunctionException:
            arn = self._place.arn("lambda", f"function:{short}")
            raise ApiError("ResourceNotFoundException", f"Function not found: {arn}", 404) from None
        return FunctionSettings(
            name=short,
            arn=function.function_arn,
            handler=str(function.handler),
            timeout=int(function.timeout),
            memory=int(function.memory_size),
            environment={key: str(value) for key, value in function.environment_vars.items()},
            code=self._code(short, function),
        )

    def invoke(self, name: str, payload: bytes, request_id: str | None = None) -> Invocation:
        """Wait for a free instance, invoke a function, and wait for the outcome.

        Raises EmbeddedAwsError if the embedded AWS stopped meanwhile: on AWS no function ends with its service.
        """
        function = self.find(name)
        invocation = Invocation(request_id or str(uuid.uuid4()), payload)
        instance = self._take(function)
        try:
            instance.invoke(invocation)
        finally:
            self._give_back(instance)
        if invocation.failed and self._stopping:
            raise self._stopped(name)
        return invocation

    def stop(self) -> None:
        """Start nothing more, and end all idle instances; `Processes` ends busy ones."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            idle = [instance for instances in self._idle.values() for instance in instances]
        for instance in idle:
            instance.kill()
        for instance in idle:
            instance.join()
        if self._directory is not None:
            self._directory.cleanup()

    @staticmethod
    def _stopped(name: str) -> EmbeddedAwsError:
        return EmbeddedAwsError(f"{name} can't be invoked: the embedded AWS is stopping")

    def _take(self, function: FunctionSettings) -> Instance:
        with self._changed:
            while True:
                if self._stopping:
                    raise self._stopped(function.name)
                if (instance := self._pop_idle(function)) is not None:
                    return instance
                if self._count[function.name] < self._max_instances:
                    self._count[function.name] += 1
                    break
                self._changed.wait()
        try:
            return Instance(function, self._place, self._processes, self._logs)
        except BaseException:
            self._discard(function.name)
            raise

    def _pop_idle(self, function: FunctionSettings) -> Instance | None:
        """Return a live instance with the function's present settings; end the others."""
        while idle := self._idle[function.name]:
            instance = idle.pop()
            if instance.alive and instance.function == function:
                return instance
            instance.kill()
            self._count[function.name] -= 1
        return None

    def _give_back(self, instance: Instance) -> None:
        with self._changed:
            if instance.alive and not self._stopping:
                self._idle[instance.function.name].append(instance)
                self._changed.notify()
                return
        instance.kill()
        self._discard(instance.function.name)

    def _discard(self, name: str) -> None:
        with self._changed:
            self._count[name] -= 1
            self._changed.notify()

    def _code(self, name: str, function: LambdaFunction) -> Path:
        """Return the directory of the code: the given one, or the function's extracted zip."""
        if (location := self.code_locations.get(name)) is not None:
            return location
        digest = function.code_sha_256
        with self._changed:
            if self._directory is None:
                self._directory = tempfile.TemporaryDirectory(prefix="kedro-aws-batch-functions-")
            if digest not in self._extracted:
                target = Path(self._directory.name) / f"{name}-{len(self._extracted)}"
                with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
                    archive.extractall(target)
                self._extracted[digest] = target
            return self._extracted[digest]


class AsyncInvoker:
    """Invokes functions as InvocationType=Event does: a failed request is tried again, with its id."""

    def __init__(self, functions: Functions, alarms: Alarms, retry_delays: Sequence[float]) -> None:
        self._functions = functions
        self._alarms = alarms
        self._retry_delays = tuple(retry_delays)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._stopping = False

    def invoke(self, name: str, payload: bytes) -> str:
        """Invoke a function soon, and return the request id."""
        request_id = str(uuid.uuid4())
        self._start(name, payload, request_id, self._retry_delays)
        return request_id

    def stop(self) -> None:
        """Invoke nothing more. Invocations under way end with their instance."""
        with self._lock:
            self._stopping = True

    def join(self) -> None:
        """Wait for invocations under way."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout=5)

    def _start(self, name: str, payload: bytes, request_id: str, delays: Sequence[float]) -> None:
        arguments = (name, payload, request_id, delays)
        thread = threading.Thread(target=self._run, args=arguments, name=f"async {name}", daemon=True)
        with self._lock:
            if not self._stopping:
                self._threads.add(thread)
                thread.start()

    def _run(self, name: str, payload: bytes, request_id: str, delays: Sequence[float]) -> None:
        try:
            failed = self._functions.invoke(name, payload, request_id).failed
        except (ApiError, EmbeddedAwsError, OSError):
            failed = True
        if failed and delays:
            self._alarms.after(delays[0], lambda: self._start(name, payload, request_id, delays[1:]))
        elif failed:
            logger.warning("an asynchronous invocation failed for good", extra={"function": name})
        with self._lock:
            self._threads.discard(threading.current_thread())


def invocation_error(invocation: Invocation) -> Mapping[str, str]:
    """Return Lambda's headers for a failed function."""
    return {"X-Amz-Function-Error": "Unhandled"} if invocation.failed else {}
