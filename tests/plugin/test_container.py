"""Containers that carry on, as processes: what their groups leave behind, and which exit codes they pass on."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from kedro_aws_batch.container.usage import read_used

#: A container that says, as it asks, which process of its group is left.
CONTAINER = """
import os, subprocess, sys, time
from kedro_aws_batch.container import carrying
from kedro_aws_batch.container.asking import Said
from kedro_aws_batch.container.child import run_apart
from kedro_aws_batch.container.door import Door
from kedro_aws_batch.container.payload import Payload

def work():
    {work}
    return 0

def ask_next(*_):
    started = int(open("pid").read())
    print(os.path.exists(f"/proc/{{started}}"))
    return Said.NOTHING

carrying.ask_next = ask_next
door = Door(function="f", job="0-0", token="t", index=None, job_id="j", epoch=1, seconds=60)
run = lambda payload, stop: run_apart(work, None, stop).verdict
sys.exit(carrying.Container(os.environ, door, run).live(Payload(run_id="r", nodes=("n",))))
"""
LEFT = {
    "a child": "started = subprocess.Popen(['sleep', '60']); open('pid', 'w').write(str(started.pid))",
    "one of its own session": (
        "started = subprocess.Popen(['sleep', '60'], start_new_session=True); open('pid', 'w').write(str(started.pid))"
    ),
    "a grandchild of a shell that waits": (
        "subprocess.Popen(['sh', '-c', '(sleep 60 & echo $! > pid; wait); true'])\n"
        "    while not os.path.exists('pid') or not open('pid').read(): time.sleep(0.01)"
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a container's first process is no parent of orphans")
@pytest.mark.parametrize("work", LEFT.values(), ids=list(LEFT))
def test_what_a_group_leaves_behind_has_ended_before_its_container_asks(tmp_path: Path, work: str) -> None:
    script = textwrap.dedent(CONTAINER).format(work=work)
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True, timeout=30
    )
    assert ended.stdout.split() == ["False"]
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


EXITS = """
import os, sys
from kedro_aws_batch import job
from kedro_aws_batch.container.payload import Payload

def code(number, *on_signal):
    job._run = lambda *_: os._exit(number)
    return job._run_apart(Payload(run_id="r", nodes=("n",)), *on_signal)

print([code(number, lambda: None) for number in (3, 7, 75, 79)], [code(75)], file=sys.stderr)
"""


def test_a_group_s_exit_code_is_not_taken_for_its_container_s() -> None:
    """With 75 a container has its group repeated, and with any that begins with 7 Batch makes no other attempt."""
    ended = subprocess.run([sys.executable, "-c", EXITS], capture_output=True, text=True, check=True, timeout=30)
    assert ended.stderr.splitlines()[-1] == "[3, 1, 1, 1] [75]"


USAGE = """
import os
from kedro_aws_batch import job
from kedro_aws_batch.container.payload import Payload

def run(work):
    job._run = work
    job._run_apart(Payload(run_id="r", nodes=("n",)), lambda: None)

def large(*_):
    bytes(range(256)) * 2_000_000
    sum(range(10_000_000))

run(large)
run(lambda *_: os._exit(1))
"""


def test_what_a_lost_group_used_is_told_without_what_others_of_its_container_did() -> None:
    ended = subprocess.run([sys.executable, "-c", USAGE], capture_output=True, text=True, check=True, timeout=60)
    large, lost = filter(None, (read_used([line]) for line in ended.stdout.splitlines()))
    assert large.memory > 500
    assert lost.memory < 200
    assert lost.cpu < large.cpu
