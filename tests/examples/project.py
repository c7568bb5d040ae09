"""Copies of the spaceflights example, and programs that run in them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
NOT_COPIED = shutil.ignore_patterns("data", "__pycache__", ".kedro_aws_batch", ".viz")


def run_python(project: Path, *arguments: str | Path, exits: int = 0) -> str:
    """Return Python's output when run in the project, and fail with its errors unless it exits as it should."""
    environment = os.environ | {"KEDRO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == exits, f"{command} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_spaceflights(folder: Path) -> Path:
    """Return a copy of the example in the folder, its raw tables made."""
    project = Path(shutil.copytree(EXAMPLES / "spaceflights", folder / "spaceflights", ignore=NOT_COPIED))
    run_python(project, "scripts/make_data.py")
    return project
