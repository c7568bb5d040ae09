from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.local import EmbeddedAws

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An embedded AWS without functions, whose jobs may time out in a second."""
    directory = tmp_path_factory.mktemp("project")
    settings = EmbeddedAws(jobs_cwd=directory, max_vcpus=4, minimum_job_timeout=1, stop_timeout=1)
    with settings as running:
        yield running


@pytest.fixture(autouse=True)
def _quick_switches() -> Iterator[None]:
    """Let threads take turns often, so that races show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    yield
    sys.setswitchinterval(interval)
