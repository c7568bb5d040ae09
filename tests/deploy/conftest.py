from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from kedro_aws_batch.package import Packaged, stage

GOLDEN = Path(__file__).parents[1] / "golden/graph_document.json"


@dataclass(frozen=True)
class Staged:
    """A directory that can be deployed."""

    directory: Path
    packaged: Packaged


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    directory = tmp_path_factory.mktemp("deploy") / "staged"
    return Staged(directory, stage(GOLDEN, directory))
