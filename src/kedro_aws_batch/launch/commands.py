"""The commands for a run, as a user types them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from kedro_aws_batch.graph import ENVIRONMENT


@dataclass(frozen=True)
class Commands:
    """The options by which a command reaches the same service."""

    environment: str = ENVIRONMENT
    local: bool = False

    def to(self, verb: str, *words: str) -> str:
        """Return a command, such as `kedro aws-batch status RUN --watch`."""
        other = [] if self.environment == ENVIRONMENT else [f"--env={self.environment}"]
        where = ["--local"] if self.local else []
        return shlex.join(["kedro", "aws-batch", verb, *words, *where, *other])

    def way_back(self, run_id: str) -> str:
        """Return how to return to a running run, and how to cancel it."""
        return (
            f"  to return to it:  {self.to('status', run_id, '--watch')}\n"
            f"  to cancel it:     {self.to('cancel', run_id)}"
        )
