"""Completions for the tab key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro_aws_batch.errors import KedroAwsBatchError

from .service import runs_of

if TYPE_CHECKING:
    from .options import Where

#: The number of newest runs to offer.
MOST = 20


def runs_for_completion(where: Where, beginning: str) -> list[tuple[str, str]]:
    """Return the newest runs whose ids begin so, with their status; none if they can't be listed."""
    try:
        runs = runs_of(where).list_runs(limit=MOST)
    except KedroAwsBatchError:  # a message would appear in the middle of the user's input
        return []
    return [(run.run_id, run.status) for run in runs if run.run_id.startswith(beginning)]
