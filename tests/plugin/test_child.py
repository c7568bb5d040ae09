"""The process that runs a job's nodes, seen from the one that waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

PREAMBLE = """
import os, signal, subprocess, sys, time
from kedro_aws_batch.container.child import run_apart
"""
#: How the child's work ends → its parent's exit code, and whether the work is finished.
ENDINGS = {
    "return 0": (0, True),
    "return 3": (3, True),
    "os._exit(0)": (1, False),
    "os._exit(7)": (7, False),
    # The fork comes to the end of the work, and its parent doesn't.
    "os.fork() and (os.wait(), os._exit(0)); return 0": (1, False),
    "sys.exit(0)": (1, False),
    "os.kill(os.getpid(), signal.SIGKILL)": (137, False),
    "os.abort()": (134, False),
    "import atexit; atexit.register(os._exit, 9); return 0": (9, True),
    "subprocess.Popen(['sleep', '9'], stdout=-3, stderr=-3); return 0": (0, True),
    "os.fork() or (os.close(1), os.close(2), time.sleep(9)); os._exit(0)": (1, False),
}


def script(body: str) -> list[str]:
    return [sys.executable, "-c", PREAMBLE + textwrap.dedent(body)]


@pytest.mark.parametrize(("work", "wanted"), ENDINGS.items(), ids=list(ENDINGS))
def test_only_a_child_that_says_so_has_finished_its_work(work: str, wanted: tuple[int, bool]) -> None:
    body = f"""
    def work():
        {work}

    ended = run_apart(work)
    print(ended.finished)
    sys.exit(ended.verdict)
    """
    ended = subprocess.run(script(body), capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout.strip().endswith("True")) == wanted, ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_goes_to_the_child_which_may_take_it(number: int) -> None:
    body = f"""
    def work():
        signal.signal({number:d}, lambda *_: os._exit(5))
        print("ready", flush=True)
        time.sleep(30)

    sys.exit(run_apart(work).verdict)
    """
    with subprocess.Popen(script(body), stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.send_signal(number)
        assert parent.wait(10) == 5


def test_a_child_that_takes_no_sigterm_ends_by_it_at_once() -> None:
    body = """
    def work():
        print(os.getpid(), flush=True)
        time.sleep(30)

    sys.exit(run_apart(work).verdict)
    """
    with subprocess.Popen(script(body), stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        before = time.monotonic()
        parent.terminate()
        assert parent.wait(10) == 128 + signal.SIGTERM
        assert time.monotonic() - before < 5
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
