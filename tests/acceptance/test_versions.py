"""The plugin's tests on its oldest and newest Kedro, on the oldest and the newest Python found here.

Each pair has an environment of its own in .venv/versions. It is made again when the plugin's requirements have changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDEST_KEDRO = "1.0.0"
#: Requirements that Kedro 1.0.0 needs older than `constraints.txt` pins them.
HELD_BACK_BY_OLDEST = ("kedro", "rich", "click")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
#: The tests where the plugin uses Kedro. The others use nothing of Kedro that these don't.
TOUCHING_KEDRO = ("check", "cli", "compile", "dry_run", "filters", "init", "job", "job_versions", "run_local", "runner")
#: The tests where another Python could matter, with a Kedro that all tests have run on.
TOUCHING_PYTHON = ("compile", "job", "runner")


@dataclass(frozen=True)
class Versions:
    """A Python that was found, and the Kedro to try on it."""

    python: str
    executable: Path
    kedro: str | None  #: None: the newest, as pinned
    touched: tuple[str, ...] = TOUCHING_PYTHON  #: the tests to run

    def __str__(self) -> str:
        return f"python{self.python}-kedro{self.kedro or '-newest'}"


def found() -> dict[str, Path]:
    """Return the Pythons that start, by version: those on the path, or of pyenv and uv."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    managed = home / ".local/share/uv/python"
    pythons: dict[str, Path] = {}
    for version in PYTHONS:
        on_path = shutil.which(f"python{version}")
        here = [Path(on_path)] if on_path else []
        here += sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
        here += sorted(managed.glob(f"*-{version}.*/bin/python{version}"))
        starting = [candidate for candidate in here if _starts(candidate, version)]
        if starting:
            pythons[version] = starting[0]
    return pythons


def _starts(python: Path, version: str) -> bool:
    say = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run([python, "-c", say], capture_output=True, text=True, check=False)
    return ran.returncode == 0 and ran.stdout.strip() == version


def matrix() -> list[Versions]:
    """Return the oldest Kedro on the oldest Python, and the newest on the oldest and newest but for the running one."""
    pythons = found()
    if not pythons:
        return []
    ends = dict.fromkeys([min(pythons, key=_number), max(pythons, key=_number)])
    running = ".".join(map(str, sys.version_info[:2]))
    oldest = next(iter(ends))
    newest = [Versions(python, pythons[python], None) for python in ends if python != running]
    return [Versions(oldest, pythons[oldest], OLDEST_KEDRO, TOUCHING_KEDRO), *newest]


def _number(version: str) -> int:
    return int(version.partition(".")[2])


def environment(versions: Versions) -> Path:
    """Return the Python of an environment with these versions, made if it is missing or out of date."""
    folder = ROOT / ".venv/versions" / str(versions)
    ready = folder / ".ready"
    sources = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    if not ready.exists() or ready.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        _make(versions, folder)
        ready.touch()
    return folder / "bin/python"


def _make(versions: Versions, folder: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    held = HELD_BACK_BY_OLDEST if versions.kedro else ()
    pinned = [line for line in lines if not re.match(rf"({'|'.join(held)})==", line)] if held else lines
    folder.parent.mkdir(parents=True, exist_ok=True)
    constraints = folder.parent / f"{folder.name}.txt"  # not with_suffix: the name has dots, so several would share it
    constraints.write_text("\n".join(pinned) + "\n", encoding="utf-8")
    kedro = f"kedro=={versions.kedro}" if versions.kedro else "kedro"
    run([uv, "venv", "--quiet", "--clear", "--seed", "--python", versions.executable, folder])
    python = folder / "bin/python"
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    run([*install, "--constraint", constraints, "--editable", ".[dev]", kedro])


def run(command: list[str | Path]) -> str:
    """Run a command in the checkout and return its output; if it fails, fail with that."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "VIRTUAL"))}
    ran = subprocess.run(
        command, cwd=ROOT, env=clean, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert ran.returncode == 0, f"{' '.join(map(str, command))}\n{ran.stdout[-20_000:]}"
    return ran.stdout


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("versions", matrix(), ids=str)
def test_the_plugin_s_tests_pass_on(versions: Versions) -> None:
    python = environment(versions)
    kedro = run([python, "-c", "from importlib.metadata import version; print(version('kedro'))"]).strip()
    pinned = re.search(r"^kedro==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned is not None
    assert kedro == (versions.kedro or pinned[1])

    files = [f"tests/plugin/test_{name}.py" for name in versions.touched]
    printed = run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", *files])

    assert re.search(r"\b\d{2,} passed\b", printed), printed[-2000:]
