"""Keeps stdout clean: Kedro's rich logging, and what a project prints on import, goes to stderr."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Send printed text to stderr, and suppress log records below WARNING."""
    before = logging.root.manager.disable
    moved = _handlers_on_stdout()
    logging.disable(max(before, logging.INFO))
    for handler in moved:
        handler.setStream(sys.stderr)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        logging.disable(before)
        for handler in moved:
            handler.setStream(sys.stdout)


@contextmanager
def silent(name: str) -> Iterator[None]:
    """Suppress a logger's warnings."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _handlers_on_stdout() -> list[logging.StreamHandler[Any]]:
    loggers = [
        logging.root,
        *(one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)),
    ]
    return [
        handler
        for logger in loggers
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout
    ]
