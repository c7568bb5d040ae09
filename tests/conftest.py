"""What all tests share."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from hypothesis import settings

from tests.sharing import Sharing, rank

if TYPE_CHECKING:
    import pytest

# Before anything imports the handlers, whose logger reads it once.
os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

# A shell lets what it starts in the background ignore Ctrl-C, and nohup a hang-up; so would all that tests start.
for _signal, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, _handler)

settings.register_profile("few", max_examples=100, deadline=None, print_blob=True)
settings.register_profile("many", max_examples=300, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing | None:
    """Have `--dist=loadgroup` go by tests/sharing.py."""
    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return Sharing(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the slowest begin, where several processes share the tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid))
