"""What the tests of several functions share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.handlers.play import Play


@pytest.fixture
def play() -> Iterator[Callable[[], Play]]:
    """Return a function that sets up a new stage, for one example."""
    with pytest.MonkeyPatch.context() as patch:
        yield lambda **run: Play(patch, **run)
