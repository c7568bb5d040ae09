"""Jobs as forks of a process that has imported their libraries: what they import is most of what small ones cost.

Only the plugin's own command is forked, and only for a job whose environment makes no difference to an interpreter's
start and to what is imported. Anything else, and everything where such a process isn't fit to be forked, is started as
usual (`local/processes.py`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kedro_aws_batch._service.dag.submission import COMMAND
from kedro_aws_batch.local.fork_server import LONGEST, UNFIT

if TYPE_CHECKING:
    from kedro_aws_batch.local.starting import Launch

logger = logging.getLogger(__name__)

#: Beginnings of the variables that jobs read when they run, not when they start or import something.
_READ_LATE = ("AWS_", "KEDRO_AWS_BATCH_", "TMPDIR")
_KILLED = 137
#: Seconds for the fork server to import everything.
PATIENCE = 60.0
#: Bytes of a request: less than any socket takes at once.
_LARGEST = 65_536


@dataclass(frozen=True)
class Shared:
    """What jobs have in common."""

    #: The modules to import; those of libraries that can't be shared are left out.
    modules: Sequence[str]
    #: The variables of each job that were not set for it alone.
    environment: Mapping[str, str]
    project: Path
    #: The command that is forked: `python -m` and a module.
    command: Sequence[str] = COMMAND


class Forked:
    """A forked process, which begins when it is told to."""

    def __init__(self, pid: int, output: IO[bytes], door: socket.socket) -> None:
        self.pid = pid
        self.output = output
        self._door = door
        self._code = _KILLED

    def begin(self) -> None:
        """Let it begin: until then it does nothing, and it ends with this process."""
        with contextlib.suppress(OSError):  # it has just been killed
            self._door.send(b"begin")

    def wait_for_end(self) -> None:
        """Wait for its end; it stays a zombie. If the fork server dies its children are nobody's: they are killed."""
        with contextlib.suppress(ValueError):
            self._code = int(_heard(self._door).removeprefix("ended "))

    def reap(self) -> int:
        """Take leave of it, and return its exit code, 128 + n for signal n."""
        self._door.close()
        return self._code


class ForkServer:
    """Starts jobs as forks, as long as there is a process fit for that."""

    def __init__(self, shared: Shared) -> None:
        self._environment = _early(shared.environment)
        self._command = [sys.executable, *shared.command[1:]]
        self._lock = threading.Lock()
        self._is_given_up = False
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number, program = str(theirs.fileno()), str(Path(__file__).with_name("fork_server.py"))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, program, number, str(shared.project), shared.command[-1], *shared.modules],
                env=dict(shared.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=shared.project,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @property
    def group(self) -> int:
        """The process group, which is also the leader's pid."""
        return self._process.pid

    def start(self, launch: Launch) -> Forked | None:
        """Return a process that will run a job; None if it must be started as usual; OSError says what fails."""
        if (
            self._is_given_up
            or list(launch.command) != self._command
            or _early(launch.environment) != self._environment
        ):
            return None
        request = _request(launch)
        if len(request) > _LARGEST:
            return None
        door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        output = os.fdopen(reading, "rb", buffering=0)
        try:
            with self._lock, contextlib.suppress(OSError):  # it has ended: then nothing will be heard
                socket.send_fds(self._requests, [request], [theirs.fileno(), writing])
        finally:
            theirs.close()
            os.close(writing)
        door.settimeout(PATIENCE)
        word, _, rest = _heard(door).partition(" ")
        door.settimeout(None)
        if word == "began":
            return Forked(int(rest), output, door)
        door.close()
        output.close()
        if word == "failed":
            raise OSError(rest)
        if not word:  # else only that one process has ended, before it began
            self._give_up()
        return None

    def _give_up(self) -> None:
        """Start everything as usual from now on, and log why."""
        with self._lock:
            if self._is_given_up:
                return
            self._is_given_up = True
        code = None  # it does not answer
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=1)
        if code == UNFIT:
            logger.info("jobs share no imports: what they import can't be forked")
        else:
            logger.warning("jobs share no imports any more: the fork server has failed", extra={"exit_code": code})

    def stop(self) -> None:
        """End it: nothing more can be started."""
        self._is_given_up = True
        with contextlib.suppress(OSError):
            self._requests.shutdown(socket.SHUT_RDWR)
        self._process.kill()
        self._process.wait()
        self._requests.close()


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may make a difference to an interpreter's start, or to what it imports."""
    return {name: value for name, value in environment.items() if not name.startswith(_READ_LATE)}


def _request(launch: Launch) -> bytes:
    environment, directory = dict(launch.environment), str(launch.directory)
    return json.dumps({"command": list(launch.command), "environment": environment, "directory": directory}).encode()


def _heard(door: socket.socket) -> str:
    """Return the next message; nothing if there comes none."""
    try:
        return door.recv(LONGEST).decode()
    except (ConnectionResetError, TimeoutError):
        return ""
