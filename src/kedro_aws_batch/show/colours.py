"""The colours of jobs' and runs' statuses."""

from __future__ import annotations

COLOURS = {
    "RUNNING": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "CANCELLED": "yellow",
    "SUBMITTED": "blue",
    "WAITING": "dim",
    "SKIPPED": "dim",
}
