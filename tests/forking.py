"""Programs started by a fork of an interpreter that has imported what they begin with: Kedro takes a second of CPU.

As in a container that carries on, what is imported beforehand is of no project and opens no file system. So a program
finds no more than it would in an interpreter of its own, but for the time.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

#: What a job imports in any project; pandas is what Kedro's own MemoryDataset asks for.
MODULES = ("kedro_aws_batch.container.session", "kedro_aws_batch.graph.project", "kedro.framework.context", "pandas")


class Interpreter:
    """A process that forks for each program."""

    def __init__(self, *modules: str) -> None:
        """Start it, with these imported besides what jobs import."""
        environment = {**os.environ, "COLUMNS": "160", "OPENBLAS_NUM_THREADS": "1"}  # as job.py sets it; no threads
        self._process = subprocess.Popen(
            [sys.executable, __file__, *MODULES, *modules],
            env={name: value for name, value in environment.items() if not name.startswith(("KEDRO_", "PYTHONPATH"))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def run(
        self, words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Do as `python -m module …` with this environment, killed after `timeout` s, and return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            output, errors = Path(folder, "output"), Path(folder, "errors")
            request = {"words": list(words), "cwd": str(cwd), "environment": dict(environment), "timeout": timeout}
            files = {"output": str(output), "errors": str(errors)}
            self._process.stdin.write(json.dumps({**request, **files}) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(words, code, output.read_text("utf-8"), errors.read_text("utf-8"))

    def __enter__(self) -> Interpreter:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Kedro says hello
    for module in sys.argv[1:]:
        importlib.import_module(module)
    for plugin in metadata.entry_points(group="kedro.hooks"):
        plugin.load()
    gc.freeze()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            answers.close()
            _become(request)
        print(_wait_for(child, request["timeout"]), file=answers, flush=True)


def _become(request: Mapping[str, Any]) -> NoReturn:
    """Be the program; leave by SystemExit, so that the interpreter ends as any other."""
    os.setsid()
    os.chdir(request["cwd"])
    for number, path in enumerate((os.devnull, request["output"], request["errors"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv, sys.path[0] = list(request["words"]), request["cwd"]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    sys.exit()


def _wait_for(child: int, timeout: float) -> int:
    """Return what a child exits with, -n where signal n ended it."""
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    _serve()
