"""Runs Kedro pipelines on AWS Batch: the Kedro plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runner import AWSBatchRunner

__version__ = "0.1.0"
__all__ = ["AWSBatchRunner", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the runner on first use: jobs and commands don't need it."""
    if name == "AWSBatchRunner":
        from .runner import AWSBatchRunner  # noqa: PLC0415

        return AWSBatchRunner
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
