from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.prices import Prices
from kedro_aws_batch.report.content import About, content
from kedro_aws_batch.report.page import render

from .browser import Browser, chromium

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.report.measured import Measured

    from .browser import Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(chromium()) as running:
        yield running


@pytest.fixture
def open_report(browser: Browser, tmp_path: Path) -> Callable[..., Page]:
    """Return a function that writes a run's report and opens it from a file, like a user."""

    def opened(state: RunState, measured: Measured | None = None, plotly: str | None = None) -> Page:
        file = tmp_path / "report.html"
        link = lambda group: f"https://logs.example/{group.index}"  # noqa: E731
        page = render(content(state, Prices(), link, About(measured=measured)), plotly)
        file.write_text(page, encoding="utf-8", newline="")
        tab = browser.open(file.as_uri())
        tab.look(1280, 900)
        tab.wait("document.documentElement.dataset.ready")
        return tab

    return opened


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """Undo the changes that opening a project makes to a process: its search path and its environment."""
    path, environment = list(sys.path), dict(os.environ)
    yield
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)
