"""Jobs that are forked are what they would be if they were executed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from kedro_aws_batch.local import forks
from kedro_aws_batch.local.forks import Shared
from kedro_aws_batch.local.processes import Child, Processes
from kedro_aws_batch.local.starting import Launch

from .support import alive, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no job is forked")

#: A program that does as its variable AWS_DO says; it has a name that could be anybody's.
PROGRAM = "import os, sys\nexec(os.environ['AWS_DO'])\n"
COMMAND = ("python", "-m", "told")
#: Prints all that a process finds.
LOOK = """
import json, locale, multiprocessing.process, random, signal, tempfile, threading, time
numbers = [number for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")]
umask = os.umask(0)
found = dict(
    environment=dict(os.environ), directory=os.getcwd(), argv=sys.argv, orig_argv=sys.orig_argv, path=sys.path,
    flags=repr(sys.flags), warnings=sys.warnoptions, name=__name__, module=__spec__.name, file=__file__,
    is_main=sys.modules["__main__"].__dict__ is globals(), open=sorted(numbers), stdin=os.readlink("/proc/self/fd/0"),
    same_output=os.fstat(1) == os.fstat(2), leads=[os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()],
    handlers=[repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    blocked=sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), umask=umask, locale=locale.setlocale(locale.LC_ALL),
    encoding=[sys.stdout.encoding, sys.stdout.errors, sys.stdout.write_through, sys.stdin.encoding],
    temporary=tempfile.gettempdir(), zone=time.tzname, origin=multiprocessing.process.ORIGINAL_DIR,
    threads=threading.active_count(), children=os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    and open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read(), nice=os.nice(0),
)
print(json.dumps(found))
"""
WHO = "print(os.getppid(), flush=True)"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "tmp").mkdir()
    for name in ("told", "other"):
        (folder / f"{name}.py").write_text(PROGRAM, encoding="utf-8")
    return folder


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path / "gone")
    yield made
    made.stop(1)


@pytest.fixture(scope="module")
def forking(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Processes that fork what runs `told`."""
    made = Processes(tmp_path_factory.mktemp("gone"))
    made.share(shared(project))
    yield made
    made.stop(1)


@pytest.fixture
def unfit(tmp_path: Path) -> Path:
    """A project with a module of its own that has the name of a library."""
    (tmp_path / "told.py").write_text(PROGRAM, encoding="utf-8")
    return tmp_path


def shared(project: Path, *modules: str) -> Shared:
    return Shared(modules, {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "TZ": "UTC"}, project, COMMAND)


def start(processes: Processes, project: Path, source: str, command: Sequence[str] = COMMAND, **more: str) -> Child:
    environment = {**shared(project).environment, "AWS_DO": source, **more}
    return processes.start(Launch([sys.executable, *command[1:]], environment, project))


def end_of(child: Child) -> tuple[list[str], int]:
    """Return the lines that a child prints, and its exit code."""
    code = child.wait()  # first: what it leaves running would keep the pipe open
    with child.output as output:
        return output.read().decode().splitlines(), code


def is_forked(child: Child) -> bool:
    (parent,), code = end_of(child)
    assert code == 0
    return int(parent) != os.getpid()


def both(
    processes: Processes, forking: Processes, project: Path, source: str, **more: str
) -> list[tuple[list[str], int]]:
    """Return what comes of a source that is executed, and of the same one that is forked."""
    return [end_of(start(each, project, source, **more)) for each in (processes, forking)]


def test_what_is_forked_finds_what_it_would_find_if_it_were_executed(
    processes: Processes, forking: Processes, project: Path
) -> None:
    executed, forked = both(processes, forking, project, LOOK, TMPDIR=str(project / "tmp"), AWS_REGION="eu-west-1")

    assert executed[1] == 0, executed[0]
    assert json.loads(forked[0][0]) == json.loads(executed[0][0])
    assert is_forked(start(forking, project, WHO))


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("pass", 0),
        ("sys.exit(7)", 7),
        ("sys.exit('what went wrong')", 1),
        ("import atexit; atexit.register(print, 'last words'); sys.exit(3)", 3),
        ("os.kill(os.getpid(), 9)", 137),
        ("os.kill(os.getpid(), 15)", 143),
        ("os._exit(5)", 5),
    ],
)
def test_it_ends_as_it_would(processes: Processes, forking: Processes, project: Path, source: str, code: int) -> None:
    executed, forked = both(processes, forking, project, source)

    assert (executed[1], forked[1]) == (code, code)
    assert forked[0] == executed[0]


def test_an_error_is_told_with_its_traceback(processes: Processes, forking: Processes, project: Path) -> None:
    executed, forked = both(processes, forking, project, "1 / 0")

    assert (executed[1], forked[1]) == (1, 1)
    assert (
        forked[0][-2:]
        == executed[0][-2:]
        == ['  File "<string>", line 1, in <module>', "ZeroDivisionError: division by zero"]
    )


@pytest.mark.parametrize(
    ("command", "more"),
    [
        (("python", "-m", "other"), {}),
        (("python", "told.py"), {}),
        (("python", "-X", "dev", "-m", "told"), {}),
        (COMMAND, {"PYTHONHASHSEED": "7"}),
        (COMMAND, {"OMP_NUM_THREADS": "1"}),
        (COMMAND, {"LC_ALL": "C.UTF-8"}),
        (COMMAND, {"TZ": "Europe/Vienna"}),
        (COMMAND, {"MODEL": "large"}),
        (COMMAND, {"AWS_LARGE": "x" * 100_000}),
    ],
)  # fmt: skip
def test_what_an_interpreter_s_start_or_imports_may_read_is_executed(
    forking: Processes, project: Path, command: Sequence[str], more: Mapping[str, str]
) -> None:
    assert not is_forked(start(forking, project, WHO, command, **more))
    assert is_forked(start(forking, project, WHO))


def test_a_signal_reaches_the_whole_group_and_what_is_left_of_it_ends_with_its_leader(
    forking: Processes, project: Path
) -> None:
    stubborn = "import signal, subprocess, time; signal.signal(15, lambda *_: print('asked', flush=True)); "
    stubborn += "print(subprocess.Popen(['sleep', '600']).pid, flush=True); [time.sleep(600) for _ in range(9)]"
    child = start(forking, project, stubborn)
    left = start(forking, project, "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)")
    grandchild, other = (int(each.output.readline()) for each in (child, left))

    assert end_of(left) == ([], 0)
    until(lambda: not alive(other))
    child.signal(signal.SIGTERM)
    assert child.output.readline() == b"asked\n"
    until(lambda: not alive(grandchild))
    child.signal(signal.SIGKILL)
    assert end_of(child) == ([], 137)

    child.signal(signal.SIGKILL)  # nobody is hit


def test_nobody_gets_the_number_of_one_that_has_ended_before_the_rest_of_its_group_has(
    forking: Processes, project: Path
) -> None:
    child = start(forking, project, "pass")
    stat = Path(f"/proc/{child.group}/stat")

    until(lambda: stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")
    assert end_of(child) == ([], 0)
    until(lambda: not stat.exists())


def test_many_at_once_are_told_apart(forking: Processes, project: Path) -> None:
    children = [start(forking, project, f"print({number}); sys.exit({number})") for number in range(40)]

    assert [end_of(child) for child in children] == [([str(number)], number) for number in range(40)]


def test_what_can_t_start_says_why(forking: Processes, project: Path) -> None:
    launch = Launch([sys.executable, *COMMAND[1:]], shared(project).environment, project / "nowhere")

    with pytest.raises(OSError, match="nowhere"):
        forking.start(launch)
    assert is_forked(start(forking, project, WHO))


def test_a_variable_that_no_process_can_have_is_refused_as_usual(forking: Processes, project: Path) -> None:
    with pytest.raises(ValueError, match="null byte"):
        start(forking, project, WHO, AWS_ZERO="\0")
    assert is_forked(start(forking, project, WHO))


def test_when_the_fork_server_dies_its_jobs_are_killed_and_the_next_are_executed(
    processes: Processes, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    processes.share(shared(project))
    child = start(processes, project, "import time; print(os.getppid(), os.getpid(), flush=True); time.sleep(600)")
    server, pid = map(int, child.output.readline().split())

    os.kill(server, signal.SIGKILL)

    assert end_of(child) == ([], 137)
    until(lambda: not alive(pid))
    assert not is_forked(start(processes, project, WHO))
    assert [record.message for record in caplog.records] == [
        "jobs share no imports any more: the fork server has failed"
    ]


@pytest.mark.parametrize(
    "source",
    ["import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "pass"],
    ids=["a thread", "the project's own"],
)
def test_a_process_that_is_not_fit_is_not_forked(processes: Processes, unfit: Path, source: str) -> None:
    (unfit / "seaborn.py").write_text(source, encoding="utf-8")

    processes.share(shared(unfit, "seaborn"))

    assert not is_forked(start(processes, unfit, WHO))


def test_nobody_waits_for_imports_that_do_not_end(
    processes: Processes, unfit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unfit / "seaborn.py").write_text("import time; time.sleep(600)", encoding="utf-8")
    monkeypatch.setattr(forks, "PATIENCE", 0.5)

    processes.share(shared(unfit, "seaborn"))

    assert not is_forked(start(processes, unfit, WHO))
    monkeypatch.setattr(forks, "PATIENCE", 600)
    assert not is_forked(start(processes, unfit, WHO))


def test_one_that_is_waited_for_as_all_ends_does_not_start(processes: Processes, unfit: Path) -> None:
    (unfit / "seaborn.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    processes.share(shared(unfit, "seaborn"))
    refused: list[str] = []

    def try_to_start() -> None:
        try:
            start(processes, unfit, WHO)
        except OSError as error:
            refused.append(str(error))

    thread = threading.Thread(target=try_to_start)
    thread.start()
    processes.stop(1)
    thread.join(10)

    assert refused == ["the embedded AWS is stopping"]


#: A program that starts a job with a child, prints their ids and the fork server's, and waits.
OWNER = """
import sys, time
from pathlib import Path
from kedro_aws_batch.local.forks import Shared
from kedro_aws_batch.local.processes import Processes
from kedro_aws_batch.local.starting import Launch

folder, project = map(Path, sys.argv[1:3])
environment = {"PYTHONUNBUFFERED": "1"}
processes = Processes(folder)
processes.share(Shared([], environment, project, ["python", "-m", "told"]))
child = processes.start(Launch([sys.executable, "-m", "told"], {**environment, "AWS_DO": sys.argv[3]}, project))
print(child.output.readline().decode(), flush=True)
time.sleep(600)
"""
OWNED = """
import os, subprocess, time
print(os.getppid(), os.getpid(), subprocess.Popen(['sleep', '600']).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_process_that_had_it_started(tmp_path: Path, project: Path, number: int) -> None:
    arguments = [sys.executable, "-c", OWNER, str(tmp_path / "gone"), str(project), OWNED]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert [alive(pid) for pid in pids] == [True] * 3

        process.send_signal(number)

    until(lambda: not any(map(alive, pids)), seconds=10)
