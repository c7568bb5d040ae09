"""Opens a project a second time, in another process: `python -m kedro_aws_batch.graph.second`.

The project finds another day and another host. The program reads from stdin, as JSON, what to open, and writes the
project's facts to the file named there.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from kedro_aws_batch.graph.facts import facts
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.world.elsewhere import FAR, modules_elsewhere, resolvers_elsewhere


def main() -> None:
    """Open the project and write its facts."""
    told = json.load(sys.stdin)
    path = Path(told["opening"]["path"])
    opening = Opening(**{**told["opening"], "path": path})
    with redirect_stdout(sys.stderr), modules_elsewhere(path, FAR), resolvers_elsewhere(FAR):
        found = facts(open_project(opening), told["salt"])
    Path(told["answer"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
