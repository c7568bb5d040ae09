"""A log that nobody reads."""

from __future__ import annotations

from typing import Any


class Silence:
    """Takes every line of a log and keeps none."""

    def info(self, msg: object, /, **fields: Any) -> None:
        """Take a change of status."""

    def warning(self, msg: object, /, **fields: Any) -> None:
        """Take a repair."""

    def error(self, msg: object, /, **fields: Any) -> None:
        """Accept what a person must act on."""

    def exception(self, msg: object, /, **fields: Any) -> None:
        """Take the same with its traceback."""
