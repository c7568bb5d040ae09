"""Completions for the tab key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kedro_aws_batch.client import Service
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.launch.runs import find_run

from .service import runs_of

if TYPE_CHECKING:
    from .options import Where

#: The number of newest runs to offer.
MOST = 20
#: The number of nodes to offer.
MOST_NODES = 200


def runs_for_completion(where: Where, beginning: str) -> list[tuple[str, str]]:
    """Return the newest runs whose ids begin so, with their status; none if they can't be listed."""
    try:
        runs = runs_of(where).list_runs(limit=MOST)
    except KedroAwsBatchError:  # a message would appear in the middle of the user's input
        return []
    return [(run.run_id, run.status) for run in runs if run.run_id.startswith(beginning)]


def nodes_for_completion(where: Where, run: str | None, beginning: str) -> list[tuple[str, str]]:
    """Return the nodes of a run, by default of the latest, whose names begin so, with their status.

    There are none if the run can't be described.
    """
    try:
        runs = runs_of(where)
        if isinstance(runs, Service):
            runs = replace(runs, explain=lambda state: state)  # nobody waits for logs here
        state = runs.describe_run(find_run(runs, run))
    except KedroAwsBatchError:  # a message would appear in the middle of the user's input
        return []
    named = {name: group.status for group in state.groups for name in group.nodes if name.startswith(beginning)}
    return list(named.items())[:MOST_NODES]
