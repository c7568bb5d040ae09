"""What the tab key offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro_aws_batch.errors import KedroAwsBatchError

from .service import runs_of

if TYPE_CHECKING:
    from .options import Where

#: Runs that are offered, the newest.
MOST = 20


def runs_for_completion(where: Where, beginning: str) -> list[tuple[str, str]]:
    """Return the ids of the newest runs that begin so, each with its status; none where nobody can tell."""
    try:
        runs = runs_of(where).list_runs(limit=MOST)
    except KedroAwsBatchError:  # a message would stand in the middle of what is typed
        return []
    return [(run.run_id, run.status) for run in runs if run.run_id.startswith(beginning)]
