"""Opens a project a second time, in a process of its own, on another day: `python -m kedro_aws_batch.graph.second`.

It reads from stdin, as JSON, what to open, and writes the project's facts to the file named there.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from kedro_aws_batch.graph.facts import facts
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.world.shifted import FAR, resolvers_elsewhen


def main() -> None:
    """Open the project and write its facts."""
    told = json.load(sys.stdin)
    opening = Opening(**{**told["opening"], "path": Path(told["opening"]["path"])})
    with redirect_stdout(sys.stderr), resolvers_elsewhen(FAR):
        found = facts(open_project(opening), told["salt"])
    Path(told["answer"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
