"""Which tests one worker of xdist runs together, and which go first.

Together go those that share what takes seconds to make: by default the tests of a file. The slowest go first, so that
no worker ends with them alone. It is said here by paths and not by marks of `xdist_group`: with pytest 9.2 xdist 3.8
takes no notice of those (pytest-xdist's issue 1386), and says nothing.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

#: What is shared by more than a file.
TOGETHER = ("tests/contract/", "tests/deploy/", "tests/examples/")
#: Files of which each test is on its own.
APART = (
    "tests/acceptance/test_chaos.py",
    "tests/acceptance/test_soak.py",
    "tests/acceptance/test_versions.py",
    "tests/plugin/test_cut_off.py",
    "tests/plugin/test_refusals.py",
    "tests/plugin/test_run_local.py",
    "tests/plugin/test_runner.py",
    "tests/runs/test_exhaustively.py",
    "tests/simulation/",
)
#: What takes longest, the slowest first.
FIRST = (
    "tests/simulation/test_sizes.py",
    "tests/acceptance/test_versions.py",
    "tests/image/",
    "tests/acceptance/test_pip.py",
    "tests/acceptance/test_soak.py",
    "tests/acceptance/test_chaos.py",
    "tests/acceptance/test_warm_chaos.py",
    "tests/simulation/test_simulation.py",
    "tests/examples/",
    "tests/deploy/",
    "tests/plugin/test_cut_off.py",
    "tests/plugin/test_run_local.py",
    "tests/plugin/test_runner.py",
    "tests/plugin/test_first_day.py",
)


def scope(nodeid: str) -> str:
    """Return what a test shares with those of the same scope, which run on one worker one after the other."""
    if nodeid.startswith(APART):
        return nodeid
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


def rank(nodeid: str) -> int:
    """Return a number that is the smaller, the earlier a test is to begin."""
    return next((place for place, path in enumerate(FIRST) if nodeid.startswith(path)), len(FIRST))


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # it is untyped
    """Gives whole scopes to workers, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)
