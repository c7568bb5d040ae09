"""An instance of a function: a process that handles one invocation at a time, and is reused while it lives."""

from __future__ import annotations

import signal
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from kedro_aws_batch.local.batch.launch import inherited_environment
from kedro_aws_batch.local.runtime_api import RuntimeApi
from kedro_aws_batch.local.starting import Launch

if TYPE_CHECKING:
    from kedro_aws_batch.local.function import FunctionSettings
    from kedro_aws_batch.local.logs import Logs
    from kedro_aws_batch.local.place import Place
    from kedro_aws_batch.local.processes import Processes
    from kedro_aws_batch.local.runtime_api import Invocation

#: Seconds. Lambda allows 10; a machine that also runs the jobs is slower.
INIT_TIMEOUT = 60.0


class Instance:
    """Started when it is made; `alive` is false once its process has ended or is about to."""

    def __init__(self, function: FunctionSettings, place: Place, processes: Processes, logs: Logs) -> None:
        self.function = function
        self.alive = True
        self._logs = logs
        self._stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
        logs.open(function.log_group, self._stream)
        self._api = RuntimeApi(function)
        try:
            self._child = processes.start(self._launch(place))
        except OSError:
            self._api.close("the process could not be started")
            raise
        arguments = (self._child.output, function.log_group, self._stream)
        threading.Thread(target=logs.pump, args=arguments, name=f"log {function.name}", daemon=True).start()
        self._watcher = threading.Thread(target=self._watch, name=f"instance {function.name}", daemon=True)
        self._watcher.start()

    def invoke(self, invocation: Invocation) -> None:
        """Handle an invocation; when this returns, the invocation is done, well or not."""
        if not self._api.ready.wait(INIT_TIMEOUT):
            invocation.fail("Sandbox.Timedout", f"Init timed out after {INIT_TIMEOUT:.0f} seconds")
            self.kill()
        elif self._api.init_error is not None:
            invocation.finish(self._api.init_error, failed=True)
            self.kill()
        elif not self.alive:
            invocation.fail("Runtime.ExitError", self._exit_message)
        else:
            self._run(invocation)

    def kill(self) -> None:
        """End the process at once."""
        self.alive = False
        self._child.signal(signal.SIGKILL)

    def join(self) -> None:
        """Wait for the process that was told to end."""
        self._watcher.join(timeout=5)

    def _run(self, invocation: Invocation) -> None:
        self._api.offer(invocation)
        if not self.alive:  # it died between the check and the offer, and may have missed it
            invocation.fail("Runtime.ExitError", self._exit_message)
        if not invocation.done.wait(self.function.timeout):
            self.alive = False
            message = f"{invocation.request_id} Task timed out after {self.function.timeout:.2f} seconds"
            self._logs.write(self.function.log_group, self._stream, [message])
            invocation.fail("Sandbox.Timedout", message)
            self.kill()

    _exit_message = "Runtime exited before it took an invocation"

    def _watch(self) -> None:
        code = self._child.wait()
        self.alive = False
        status = f"signal {code - 128}" if code > 128 else f"exit status {code}"
        self._exit_message = f"Runtime exited with error: {status}"
        self._api.close(self._exit_message)

    def _launch(self, place: Place) -> Launch:
        function = self.function
        environment = {
            **inherited_environment(),
            "PYTHONUNBUFFERED": "1",
            "TZ": ":UTC",
            **place.environment,
            **function.environment,  # may redirect calls by AWS_ENDPOINT_URL, as on Lambda
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._stream,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "LAMBDA_TASK_ROOT": str(function.code),
            "_HANDLER": function.handler,
        }
        bootstrap = Path(__file__).with_name("bootstrap.py")
        return Launch([sys.executable, str(bootstrap)], environment, function.code)
