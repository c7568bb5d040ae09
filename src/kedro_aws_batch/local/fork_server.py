"""The fork server: a process that has imported what jobs import, and forks for each of them.

It runs by path, with nothing of the embedded AWS in it. On its first argument, the descriptor of a socket, it gets a
message for each job: JSON, with two descriptors, a socket for this job alone and the pipe for its output. What it
forks says `began` and its pid, or `failed` and why, and goes on only when it is told to, so that the reaper knows it
by then. When it has ended, the server says `ended` and its exit code, and keeps the zombie until the socket is closed:
so long nobody else can have its number. The server ends with its first socket.
"""

from __future__ import annotations

import atexit
import importlib
import inspect
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Its exit code if what it has imported must not be forked.
UNFIT = 3
#: A message is never longer: the kernel's buffers are smaller.
LONGEST = 1 << 20


@dataclass
class Fork:
    """A forked process."""

    pid: int
    #: Its other end is closed by whoever started it, once the rest of its group is gone.
    door: socket.socket
    is_told: bool = False
    is_closed: bool = False

    def has_gone(self) -> bool:
        """Say its exit code when it has ended; return whether the zombie is gone, too."""
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if ended is None:
            return False
        if not self.is_told:
            self.is_told = True
            code = ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status
            self.is_closed |= not _said(self.door, f"ended {code}")
        if self.is_closed:
            os.waitpid(self.pid, 0)
        return self.is_closed


class Server:
    """Forks for each message until there can be no more."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._jobs: dict[int, Fork] = {}
        self._poll = select.poll()
        self._poll.register(requests, select.POLLIN)
        self._wakes, self._waker = socket.socketpair()
        for end in (self._wakes, self._waker):
            end.setblocking(False)
        self._poll.register(self._wakes, select.POLLIN)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing is written to the waker
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def serve(self) -> tuple[Mapping[str, Any], socket.socket, int] | None:
        """Return, in each forked process, its message and descriptors, and in this one at last None."""
        while True:
            for number, _ in self._poll.poll():
                if number == self._requests.fileno():
                    message, numbers, _, _ = socket.recv_fds(self._requests, LONGEST, 2)
                    if not message:
                        return None
                    door = socket.socket(fileno=numbers[0])
                    if self._forks(door):
                        return json.loads(message), door, numbers[1]
                    os.close(numbers[1])
                elif number == self._wakes.fileno():
                    self._wakes.recv(LONGEST)
                else:
                    self._jobs[number].is_closed = True
            for number in [number for number, job in self._jobs.items() if job.has_gone()]:
                self._poll.unregister(number)
                self._jobs.pop(number).door.close()

    def _forks(self, door: socket.socket) -> bool:
        """Fork, and return whether this is the new process."""
        try:
            pid = os.fork()
        except OSError as error:
            _said(door, f"failed {error}")
            door.close()
            return False
        if pid == 0:
            self._leave()
            return True
        self._jobs[door.fileno()] = Fork(pid, door)
        self._poll.register(door, 0)  # only its end: the forked process reads what is said
        return False

    def _leave(self) -> None:
        """Be no server any more."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._requests, self._wakes, self._waker, *(job.door for job in self._jobs.values())):
            end.close()


def _said(door: socket.socket, message: str) -> bool:
    """Return whether somebody will hear it."""
    try:
        door.send(message.encode())
    except OSError:
        return False
    return True


def import_all(project: str, modules: list[str]) -> bool:
    """Import what jobs need, and return whether this process may be forked after that."""
    from kedro_aws_batch.container import beforehand, libraries  # noqa: PLC0415  (once sys.path is as jobs have it)

    beforehand.import_what_all_need()
    for name in ("carrying", "failing", "payload"):  # what a job imports itself
        importlib.import_module(f"kedro_aws_batch.container.{name}")
    is_fit = libraries.import_shared(modules) and not any(_is_of(project, name) for name in [*sys.modules])
    inspect.stack()  # as Kedro's settings do in each job: inspect looks at every module's file once
    return is_fit


def _is_of(project: str, name: str) -> bool:
    """Return whether a module has been found in the project's own folder: then jobs must import their copy of it."""
    origin = getattr(getattr(sys.modules[name], "__spec__", None), "origin", None)
    found = Path(origin or os.devnull)
    return Path(project) in {found.parent, found.parent.parent if found.stem == "__init__" else None}


def become(request: Mapping[str, Any], door: socket.socket, output: int) -> None:
    """Be, in a forked process, what a new one would be that is started for the job."""
    try:
        os.setsid()
        for number in (1, 2):
            os.dup2(output, number)
        os.close(output)
        os.chdir(request["directory"])
    except OSError as error:
        _said(door, f"failed {error}")
        os._exit(1)
    _set_environment(request["environment"])
    sys.path[0] = request["directory"]
    sys.argv, sys.orig_argv = ["-m"], list(request["command"])
    _forget_places(request["directory"])
    if not _said(door, f"began {os.getpid()}") or not door.recv(LONGEST):
        os._exit(1)  # nobody is there any more
    door.close()


def _set_environment(environment: Mapping[str, str]) -> None:
    # Python sets this one itself where the locale is C (PEP 538), and so it would for the job.
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}
    os.environ.clear()
    os.environ.update({**coerced, **environment})
    time.tzset()


def _forget_places(directory: str) -> None:
    """Let modules look again at what they have read of this process's directory and environment."""
    import tempfile  # noqa: PLC0415

    tempfile.tempdir = None
    if (process := sys.modules.get("multiprocessing.process")) is not None:
        process.ORIGINAL_DIR = directory  # type: ignore[attr-defined]


def main() -> None:
    """Import, serve, and run a job in each forked process."""
    number, project, job, *modules = sys.argv[1:]
    sys.path[0] = project
    requests = socket.socket(fileno=int(number))
    if not import_all(project, modules):
        sys.exit(UNFIT)
    forked = Server(requests).serve()
    if forked is None:
        return
    become(*forked)
    own = os.getpid()
    try:
        runpy.run_module(job, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if os.getpid() == own and isinstance(end.code, int) and threading.active_count() == 1:
            _exit_at_once(end.code)
        raise


def _exit_at_once(code: int) -> None:
    """Exit without taking all modules apart, which would copy what this process shares; its own child ran the nodes."""
    atexit._run_exitfuncs()  # noqa: SLF001  (nothing else runs them)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    main()
