"""Fresh processes, timed by the CPU that they use: on a busy machine the clock on the wall says little."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def cpu_seconds(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], *, code: int = 0
) -> tuple[float, float]:
    """Return the CPU and wall seconds of a process that must exit with this code, its children included."""
    begin = time.perf_counter()
    with subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        sys.stderr.write(said.decode(errors="replace"))
        raise RuntimeError(f"{command} exited with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - begin
