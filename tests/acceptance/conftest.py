"""A project of runs that fail in each way, and an AWS for it, for the modules that have none of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kedro_aws_batch.local import EmbeddedAws

from .support import (
    Node,
    Project,
    make_project,
)

FOREVER = 120.0  # longer than any test waits


#: A failure while a sibling is still at work, with another pair of nodes that depends on neither.
BROKEN = {
    "start": Node(),
    "breaks": Node(after=["start"], seconds=0.3, exits=[3] * 9),
    "works_on": Node(after=["start"], seconds=1.5),
    "after_both": Node(after=["breaks", "works_on"]),
    "apart": Node(after=["works_on"]),
}


PIPELINES = {
    "__default__": {"first": Node(), "second": Node(after=["first"])},
    "broken": BROKEN,
    "stuck": {
        "quick": Node(),
        "fails": Node(after=["quick"], seconds=0.3, exits=[3] * 9),
        **{f"sleeps_{number}": Node(after=["quick"], seconds=FOREVER) for number in range(3)},
        "last": Node(after=["fails", "sleeps_0", "sleeps_1", "sleeps_2"]),
    },
    "sleepy": {"sleeper": Node(seconds=FOREVER), "waits": Node(after=["sleeper"])},
    "wide": {f"wide_{number}": Node(seconds=0.2) for number in range(7)},
    "hungry": {"eats": Node(exits=[137]), "digests": Node(after=["eats"])},
    "starving": {"starves": Node(exits=[137] * 9)},
    "mendable": {
        "good": Node(),
        "bad_once": Node(after=["good"], exits=[1]),
        "beside": Node(after=["good"], seconds=0.5),
        "final": Node(after=["bad_once", "beside"]),
    },
    "single": {"only": Node()},
    "long": {f"long_{number}": Node() for number in range(7)},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"), PIPELINES, memory_retry={"factor": 2, "max": 3000})


@pytest.fixture(scope="module")
def aws(project: Project) -> Iterator[EmbeddedAws]:
    with project.aws(visibility_timeout=2) as running:
        yield running
