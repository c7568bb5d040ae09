"""cfn-lint and checkov on the template of each variant."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, Template


def test_cfn_lint_has_nothing_to_say(template: Template) -> None:
    # W3005: osls lists dependencies that follow from references anyway.
    lint = Path(sys.executable).with_name("cfn-lint")
    command = [str(lint), "--ignore-checks", "W3005", "--template", str(template.path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


@pytest.mark.long
def test_checkov_has_nothing_to_say_but_what_is_excused(template: Template) -> None:
    own = ROOT / ".venv-checkov/bin/checkov"
    checkov = str(own) if own.exists() else shutil.which("checkov")
    if checkov is None:
        pytest.skip("checkov is not installed: python3 -m venv .venv-checkov && .venv-checkov/bin/pip install checkov")
    settings = Path(__file__).with_name("checkov.yml")
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    done = subprocess.run(
        [checkov, "--config-file", str(settings), "--file", str(template.path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert done.returncode == 0, done.stdout + done.stderr
