"""cfn-lint and checkov on the templates of all variants at once: each takes seconds to start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, VARIANTS, Packager

CHECKOV = ROOT / ".venv/checkov/bin/checkov"


def templates(package: Packager) -> list[str]:
    return [str(package(variant).path) for variant in VARIANTS]


def test_cfn_lint_has_nothing_to_say(package: Packager) -> None:
    # W3005: osls lists dependencies that follow from references anyway.
    lint = Path(sys.executable).with_name("cfn-lint")
    command = [str(lint), "--ignore-checks", "W3005", "--template", *templates(package)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


@pytest.mark.long
def test_checkov_has_nothing_to_say_but_what_is_excused(package: Packager) -> None:
    if not CHECKOV.exists():
        if os.environ.get("CI"):
            pytest.fail("checkov is not installed: make test-long installs it")
        pytest.skip("checkov is not installed: make test-long installs it")
    settings = Path(__file__).with_name("checkov.yml")
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    done = subprocess.run(
        [str(CHECKOV), "--config-file", str(settings), "--file", *templates(package)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert done.returncode == 0, done.stdout + done.stderr
