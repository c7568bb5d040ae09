"""What users type: plain pip, without constraints, beside the requirements of Kedro's own starter.

Here and on CI, uv installs everything else from pinned versions, so nobody would notice a requirement over which pip
searches for hours.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.version import Version

from kedro_aws_batch import __version__

from .test_wheel import ROOT, run

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

#: CPU seconds that pip may take: enough for all downloads, but not for a search.
MOST = 120
#: requirements.txt of Kedro's starter spaceflights-pandas, of Kedro 1.7.
STARTER = """
ipython>=8.10
jupyterlab>=3.0
notebook
kedro[jupyter]~=1.7
kedro-datasets[pandas-csvdataset,pandas-exceldataset,pandas-parquetdataset]>=9
kedro-datasets[plotly-plotlydataset,plotly-jsondataset,matplotlib-matplotlibdataset]>=9
kedro-viz>=12
scikit-learn~=1.5
seaborn~=0.12
"""


@dataclass(frozen=True)
class Resolved:
    """The distributions that pip would install."""

    said: str
    seconds: float  #: of CPU

    def version(self, name: str) -> Version:
        """Return the version of a distribution."""
        found = re.search(rf"^Would install .*\b{name}-(\d+(?:\.\d+)*)", self.said, re.MULTILINE)
        assert found is not None, f"no {name} in: {self.said[-3000:]}"
        return Version(found[1])


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, as a release has them."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


def test_an_index_takes_what_is_built(dist: Path) -> None:
    """The README is shown there, and its links have to be whole."""
    pinned = re.search(r"^TWINE := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned is not None
    uv = Path(sys.executable).with_name("uv")
    run(
        uv,
        "tool",
        "run",
        "--from",
        f"twine=={pinned[1]}",
        "twine",
        "check",
        "--strict",
        *sorted(dist.iterdir()),
        cwd=dist,
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment, with the pip that Python brings."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    return folder / "bin/python"


def pip(python: Path, *arguments: str | Path) -> Resolved:
    """Return the output of `pip install`. It is ended at twice its CPU limit: then it is searching."""
    limited = ("sh", "-c", f'ulimit -t {2 * MOST}; exec "$@"', "pip")
    options = ("--no-color", "--disable-pip-version-check", "install", "--progress-bar=off")
    hidden = ("PYTHON", "VIRTUAL", "PIP_CONSTRAINT")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    with subprocess.Popen(
        [*limited, python, "-m", "pip", *options, *arguments],
        env=environment,
        cwd=python.parent,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode not in (-signal.SIGKILL, -signal.SIGXCPU), f"pip searches:\n{said[-3000:]}"
    assert process.returncode == 0, said[-6000:]
    return Resolved(said, used.ru_utime + used.ru_stime)


def resolve(python: Path, *arguments: str | Path) -> Resolved:
    return pip(python, "--dry-run", "--ignore-installed", *arguments)


def test_all_extras_together_install_beside_the_starter(dist: Path, python: Path, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    starter = tmp_path / "requirements.txt"
    starter.write_text(STARTER, encoding="utf-8")
    resolved = resolve(python, f"{wheel}[s3,local,report,viz]", "-r", starter)
    assert resolved.seconds < MOST
    assert resolved.version("plotly") < Version("6")  # kedro-datasets takes no other
    assert resolved.version("s3fs") >= Version("2026")
    assert resolved.version("boto3") >= Version("1.43")


@pytest.mark.parametrize("extra", ["s3", "local", "report", "viz"])
def test_each_extra_installs_alone(dist: Path, python: Path, extra: str) -> None:
    (wheel,) = dist.glob("*.whl")
    resolved = resolve(python, f"{wheel}[{extra}]")
    assert resolved.seconds < MOST
    assert resolved.version("kedro-aws-batch") == Version(__version__)


def test_the_commands_of_the_docs_install_from_the_clone_and_add_an_extra(
    dist: Path, python: Path, tmp_path: Path
) -> None:
    """From the sdist, which has what the clone has; pip builds it in an environment of its own."""
    (sdist,) = dist.glob("*.tar.gz")
    seconds = pip(python, f"{sdist}[local]").seconds
    assert seconds < MOST
    pip(python, "--no-index", "kedro-aws-batch[s3]")
    program = (
        "from kedro_aws_batch.local import EmbeddedAws, service_root; print(service_root().name, EmbeddedAws.__name__)"
    )
    assert run(python, "-c", program, cwd=tmp_path).strip() == "_service EmbeddedAws"
    (packaged,) = (python.parents[1] / "lib").glob("python*/site-packages/kedro_aws_batch/_service/serverless.yml")
    assert packaged.read_bytes() == (ROOT / "serverless.yml").read_bytes()
