"""The first day, from `init` to a resumed run: what users type, and each word that they read.

In `make test` one project has all that used to stop people. Its commands run from the checkout, up to where they say
why a node failed. In `make test-long` there is one of each kind, and one of `kedro new` until it is resumed, with the
wheel in an environment of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import partial
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.test_wheel import ROOT, install
from tests.acceptance.test_wheel import run as run_program

from .commands import call_in
from .first_day import NODES, PACKAGE, REGISTRY, Kind, mend, write_first_day

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Forked

    #: Runs `kedro aws-batch …` in a project.
    Kedro = Callable[..., subprocess.CompletedProcess[str]]

KINDS = {
    "with globals": Kind(with_globals=True),
    "with a Dockerfile": Kind(dockerfile="FROM scratch\n"),
    "whose base has another name": Kind(base="common"),
}
KEPT = (
    "kept the existing Dockerfile: make sure that its image has the project and installs 'kedro-aws-batch[s3]' in this "
    "version"
)
WHY = "KeyError: 'mnth' (nodes.py:6)"
TIME = r"(\d+\.\d) s"
PLACE = re.compile(r'(?<=File ")\S*/(?=src/)')


def plain(text: str) -> list[str]:
    """Return the lines without amounts that differ from run to run, and without the folder of a job's copy."""
    timed = PLACE.sub("", re.sub(rf" +{TIME}", " _ s", text))
    return [line.rstrip() for line in re.sub(r"\$\d+\.\d+", "$_", timed).splitlines()]


def initialised(kedro: Kedro, project: Path, kind: Kind) -> None:
    """Do `init` and `check`."""
    done = kedro(project, "init", "--bucket=my-bucket")
    assert done.returncode == 0, done.stderr
    by_globals = "globals.yml" if kind.with_globals else "catalog.yml"
    assert f"3 datasets moved to s3://my-bucket/ in conf/aws_batch/{by_globals}" in done.stdout.splitlines()
    assert (KEPT in done.stdout.splitlines()) is bool(kind.dockerfile)
    checked = kedro(project, "check")
    told = "2 nodes in 1 pipeline: no problems. __default__ runs 2 nodes in 2 jobs.\n"
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, told, "")


def failed(kedro: Kedro, project: Path) -> str:
    """Run the pipeline, whose second node fails, read why, and return the run's id."""
    done = kedro(project, "run", "--local")
    assert done.returncode == 1, done.stderr
    run_id = re.search(r"^Run (\S+): 2 nodes", done.stdout, re.MULTILINE)[1]  # type: ignore[index]
    # Python 3.10 marks no place in a line, and when progress is told is up to the machine.
    lines = [line for line in plain(done.stdout) if "^^^" not in line and not line.startswith("Completed ")]
    assert lines == [
        "Inputs: 1 file uploaded to the embedded S3 (0.0 MB), 0 already there",
        f"Run {run_id}: 2 nodes in 2 jobs",
        "SUCCEEDED _ s  by_month",
        "FAILED _ s  total",
        "",
        f"total FAILED: {WHY}",
        "  Traceback (most recent call last):",
        f'    File "src/{PACKAGE}/nodes.py", line 6, in total',
        '      return len(months["mnth"])',
        "  KeyError: 'mnth'",
        "",
        f"Run {run_id} FAILED in _ s: 2 nodes in 2 jobs, 1 succeeded, 1 failed.",
        f"Logs: .kedro_aws_batch/local/logs/{run_id}",
        f"To run that node here: kedro aws-batch replay {run_id} total --local",
        f"To resume it: kedro aws-batch resume {run_id} --local",
    ]
    return str(run_id)


def told_why_everywhere(kedro: Kedro, project: Path, run_id: str) -> None:
    """Read the reason in `status`, `list`, `logs` and the report."""
    said = {name: kedro(project, *name.split(), "--local").stdout for name in ("status", "list", "logs total")}
    assert plain(said["status"]) == [
        f"Run {run_id} FAILED: 2 nodes in 2 jobs, 1 succeeded, 1 failed.",
        "took _ s; cost $_",
        f"total failed: {WHY}",
        f"FAILED _ s  total  {WHY}",
        "SUCCEEDED _ s  by_month",
    ]
    assert plain(said["list"])[1:] == [f"{run_id}  FAILED _ s      2  __default__ · total failed: {WHY}"]
    assert plain(said["logs total"])[0] == "kedro run --nodes=total --env=aws_batch --pipelines=__default__"
    assert plain(said["logs total"])[-2:] == ["KeyError: 'mnth'", f'Failed in "total": {WHY}']
    written = kedro(project, "report", "--local", "--output=report.html")
    assert written.stdout == f"Report of run {run_id} (FAILED): report.html\n", written.stderr
    page = unescape((project / "report.html").read_text(encoding="utf-8"))
    assert f'<p class="reason">total failed: {WHY}</p>' in page
    assert f'<a href="#g1">total</a>: {WHY}' in page


def replayed_and_resumed(kedro: Kedro, project: Path, run_id: str) -> None:
    """Run the node here, mend it, run it again, and resume the run."""
    again = kedro(project, "replay", "total", "--local")
    assert again.returncode == 1
    lines = plain(again.stderr)
    begin = lines.index(f"Replaying 'total' of run {run_id}, where it FAILED: {WHY}")
    assert [line for line in lines[begin + 1 :] if "^^^" not in line] == [
        "Traceback (most recent call last):",
        f'  File "src/{PACKAGE}/nodes.py", line 6, in total',
        '    return len(months["mnth"])',
        "KeyError: 'mnth'",
        f'Failed in "total": {WHY}',
    ]
    mend(project)
    mended = kedro(project, "replay", "total", "--local")
    saved = f".kedro_aws_batch/replay/{run_id}/total/summary.json"
    assert (mended.returncode, mended.stdout.splitlines()[-1]) == (0, f"Saved: {saved}"), mended.stderr
    assert json.loads((project / saved).read_text()) == 2
    assert "register_new_resolver" not in mended.stdout + mended.stderr
    resumed = kedro(project, "resume", "--local")
    new = re.search(r"^Run (\S+): 1 node", resumed.stdout, re.MULTILINE)[1]  # type: ignore[index]
    assert (resumed.returncode, plain(resumed.stdout)) == (
        0,
        [
            "Inputs: 0 files uploaded to the embedded S3 (0.0 MB), 1 already there",
            f"Run {new}: 1 node in 1 job",
            f"  again: total (it has not succeeded, and code of total in {PACKAGE}/nodes.py has changed)",
            "SUCCEEDED _ s  total",
            f"Run {new} SUCCEEDED in _ s: 1 node in 1 job, 1 succeeded.",
            f"Logs: .kedro_aws_batch/local/logs/{new}",
        ],
    )


def test_the_first_day_of_a_project_that_has_all_that_used_to_stop_people(tmp_path: Path, forked: Forked) -> None:
    kind = Kind(base="common", with_globals=True, dockerfile="FROM scratch\n")
    project = write_first_day(tmp_path / "project", kind)

    def kedro(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
        if words[0] == "run":
            return forked(project, *(word for word in words if word != "--local"))
        done = call_in(project, *words)
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    initialised(kedro, project, kind)
    told_why_everywhere(kedro, project, failed(kedro, project))
    assert (project / "Dockerfile").read_text() == "FROM scratch\n"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and what the projects need besides."""
    folder = tmp_path_factory.mktemp("wheel")
    run_program(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return install(wheel, "[local,report]", folder, "kedro-datasets")


def as_installed(python: Path, project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the wheel. Kedro's own would write a line of its log first."""
    hidden = ("PYTHON", "VIRTUAL_ENV", "GITHUB_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    command = [str(python), "-m", "kedro_aws_batch", *words]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.parametrize("name", KINDS)
def test_a_project_of_each_kind_runs_from_the_wheel(python: Path, tmp_path: Path, name: str) -> None:
    project = write_first_day(tmp_path / "project", KINDS[name])
    kedro = partial(as_installed, python)
    initialised(kedro, project, KINDS[name])
    if not KINDS[name].dockerfile:  # which a run here doesn't use
        failed(kedro, project)


@pytest.mark.long
def test_the_first_day_of_what_kedro_new_makes(python: Path, tmp_path: Path) -> None:
    new = ("new", "--name=First day", "--tools=none", "--example=n", "--telemetry=no")
    run_program(python.with_name("kedro"), *new, cwd=tmp_path)
    project = tmp_path / "first-day"
    made = write_first_day(tmp_path / "other", Kind())
    (project / "data").mkdir(exist_ok=True)
    for name in ("conf/base/catalog.yml", "data/trips.json"):
        (project / name).write_bytes((made / name).read_bytes())
    (project / f"src/{PACKAGE}/nodes.py").write_text(NODES)
    (project / f"src/{PACKAGE}/pipeline_registry.py").write_text(REGISTRY)
    kedro = partial(as_installed, python)
    initialised(kedro, project, Kind())
    run_id = failed(kedro, project)
    told_why_everywhere(kedro, project, run_id)
    replayed_and_resumed(kedro, project, run_id)
