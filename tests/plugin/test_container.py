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
run = lambda payload, stop: carrying.GroupEnd(run_apart(work, None, stop).verdict)
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

def code(number, *on_signal, attempts=None, attempt=1):
    job._run = lambda *_: os._exit(number)
    os.environ["AWS_BATCH_JOB_ATTEMPT"] = str(attempt)
    return job._run_apart(Payload(run_id="r", nodes=("n",), attempts=attempts), *on_signal).exit_code

def stop():
    pass

of_two = [code(number, stop, attempts=2, attempt=attempt) for number in (3, 137, 76) for attempt in (1, 2, 3)]
print([code(number, stop) for number in (3, 7, 75, 79)], [code(75)], of_two, file=sys.stderr)
"""


def test_a_group_s_exit_code_is_not_taken_for_its_container_s() -> None:
    """With 75 a container has its group repeated, and with any that begins with 7 Batch makes no other attempt.

    So does a group that may be tried twice, in a container that may be tried more often.
    """
    ended = subprocess.run([sys.executable, "-c", EXITS], capture_output=True, text=True, check=True, timeout=30)
    assert ended.stderr.splitlines()[-1] == "[3, 1, 1, 1] [75] [3, 76, 76, 137, 77, 77, 1, 76, 76]"


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


#: A container of three groups, each of which says whether it has a library from the start, and whose child it is.
THREE = """
import os, signal, sys, time
from kedro_aws_batch.container import carrying, libraries
from kedro_aws_batch.container.asking import Next, Said
from kedro_aws_batch.container.child import run_apart
from kedro_aws_batch.container.door import Door
from kedro_aws_batch.container.payload import Payload

libraries._LIBRARIES = {"library"}
own = os.getpid()

def work(name):
    print(name, "library" in sys.modules, "own" if os.getppid() == own else "other", flush=True)
    import library
    {work}
    return 0

def run(payload, stop):
    ended = run_apart(lambda: work(payload.nodes[0]), payload.timeout, stop)
    return carrying.GroupEnd(ended.verdict, ended.libraries)

def ask_next(run_id, door, done, took, is_stopped):
    if os.path.exists("pid"):
        print("left", os.path.exists("/proc/" + open("pid").read().strip()), flush=True)
    if done == 2 or is_stopped():
        return Said.NOTHING
    return Next(done + 1, {"run_id": "2026-11-22T13.11.00.123Z", "groups": [{"nodes": ["bc"[done]], "timeout": 5}]})

carrying.ask_next = ask_next
door = Door(function="f", job="0-0", token="t", index=None, job_id="j", epoch=1, seconds=60)
sys.exit(carrying.Container(os.environ, door, run).live(Payload(run_id="r", nodes=("a",))))
"""
FROM_OWN, FROM_OTHER = ["a False own", "b False own", "c False own"], ["a False own", "b True other", "c True other"]
STARTS_A_THREAD = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
#: What the groups do → their container's exit code, and how many come to work.
WORKS = {
    "pass": (0, 3),
    "name == 'a' and os._exit(3)": (3, 1),
    "name == 'b' and os._exit(3)": (3, 2),
    "name == 'b' and os.kill(os.getpid(), signal.SIGKILL)": (137, 2),
    "name == 'b' and os.kill(os.getppid(), signal.SIGKILL)": (137, 2),
    "if name == 'b': return 4": (4, 2),
    "name == 'b' and time.sleep(30)": (79, 2),
    "if name == 'c': return 5": (5, 3),
    # Whoever stops a container stops all of its processes; this group ends well in spite of it.
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); name == 'b' and (os.kill(own, signal.SIGTERM), time.sleep(1))": (
        0,
        2,
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is shared")
@pytest.mark.parametrize(("work", "wanted"), WORKS.items(), ids=list(WORKS))
@pytest.mark.parametrize(
    ("library", "told"), [("", FROM_OTHER), (STARTS_A_THREAD, FROM_OWN)], ids=["shared", "unfit to be shared"]
)
def test_further_groups_share_a_library_and_their_container_ends_as_it_would_without(
    tmp_path: Path, work: str, wanted: tuple[int, int], library: str, told: list[str]
) -> None:
    code, groups = wanted
    assert three(tmp_path, work, library) == (code, told[:groups])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is shared")
def test_what_a_further_group_leaves_behind_has_ended_before_its_container_asks(tmp_path: Path) -> None:
    left = LEFT["a grandchild of a shell that waits"].replace("subprocess.", "__import__('subprocess').")
    work = f"if name != 'b': return 0\n    {left}"
    assert three(tmp_path, work, "") == (0, [*FROM_OTHER[:2], "left False", FROM_OTHER[2], "left False"])


#: Asks the container to end as it is imported for the second time, before the further groups.
STOPS_THE_CONTAINER = """
import os, signal, sys, time
if os.path.exists("imported"):
    os.kill(sys.modules["__main__"].own, signal.SIGTERM)
    time.sleep(20)
open("imported", "w").close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is shared")
def test_a_container_that_is_asked_to_end_while_it_imports_begins_no_further_group(tmp_path: Path) -> None:
    assert three(tmp_path, "pass", STOPS_THE_CONTAINER) == (143, FROM_OTHER[:1])


def three(folder: Path, work: str, library: str) -> tuple[int, list[str]]:
    """Return the exit code of a container whose groups do some work, and what they have said."""
    (folder / "library.py").write_text(library, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", THREE.replace("{work}", work)],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    return ended.returncode if ended.returncode >= 0 else 128 - ended.returncode, ended.stdout.splitlines()
