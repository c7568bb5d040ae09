"""The program of a job's container: `python -m kedro_aws_batch.job`.

Its first line is the equivalent `kedro run`, with the names of parameters but not their values. When the nodes have run
or failed, it prints what it has used. It exits with 0 only if all nodes ran and the session ended, which the child that
runs them proves. Otherwise it exits with 1 and the traceback on stderr, or with the child's exit code. Its last line
says why, in the form that `container/failing.py` reads. Where the run's containers carry on, it asks after a success
for the next group, and goes on with that (container/carrying.py).
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag import variables
from kedro_aws_batch._service.dag.carrying import passed_on
from kedro_aws_batch._service.dag.records import KILLED
from kedro_aws_batch.container.carrying import Container, GroupEnd
from kedro_aws_batch.container.child import run_apart
from kedro_aws_batch.container.failing import Whereabouts, explain_failure
from kedro_aws_batch.container.libraries import set_apart
from kedro_aws_batch.container.payload import Payload, read_payload
from kedro_aws_batch.container.usage import used, used_by

from .errors import KedroAwsBatchError

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """Run the nodes named in the environment and return the exit code."""
    try:
        payload = read_payload(os.environ)
    except KedroAwsBatchError as error:
        return _told(error)
    if payload.door is None:
        return _run_apart(payload).exit_code
    from kedro_aws_batch.container.beforehand import import_what_all_need  # noqa: PLC0415  (only where it carries on)

    import_what_all_need()
    return Container(environment=os.environ, door=payload.door, run=_run_apart).live(payload)


def _run_apart(payload: Payload, on_signal: Callable[[], None] | None = None) -> GroupEnd:
    """Run a group in a process of its own, and return how it ended, for its container, if that ends now.

    Only containers that carry on give `on_signal`.
    """
    print(payload.command(), flush=True)
    _prepare_environment(payload)
    began = time.monotonic()
    ended = run_apart(lambda: _work(payload, began), payload.timeout, on_signal)
    if ended.too_long:
        return GroupEnd(_told(f"The nodes took longer than their timeout, {payload.timeout} s.", ended.verdict))
    verdict = ended.verdict if on_signal is None else passed_on(ended.verdict, is_last=_is_last(payload))
    if not ended.finished:
        print(used_by(began, ended.usage), flush=True)
        why = " If nobody stopped the job, it needs more memory." if ended.exit_code == KILLED else ""
        return GroupEnd(_told(f"The process that ran the nodes {ended.fate} before they were done.{why}", verdict))
    return GroupEnd(verdict, ended.libraries)


def _is_last(payload: Payload) -> bool:
    """Return whether a group may not be tried again, though Batch might try its container again."""
    attempt = int(os.environ.get(variables.BATCH_ATTEMPT, "1"))
    return payload.attempts is not None and attempt >= payload.attempts


def _work(payload: Payload, began: float) -> int:
    """Run the nodes, print what they have used, and return the exit code."""
    set_apart()
    at = Whereabouts()
    try:
        try:
            _run(payload, at)
        finally:  # before the traceback, which must come last in the log
            print(used(began), flush=True)
    except KedroAwsBatchError as error:
        return _told(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a node that calls sys.exit(0) has not done its work)
        explain_failure(error, at.node, Path.cwd())
        return 1
    return 0


def _told(error: object, exit_code: int = 1) -> int:
    print(f"Error: {error}", file=sys.stderr, flush=True)
    return exit_code


def _prepare_environment(payload: Payload) -> None:
    """Switch off telemetry, which waits for the network; set the project's environment; allow wide log lines."""
    os.environ[variables.NO_TELEMETRY] = "1"
    os.environ.setdefault("COLUMNS", "160")  # rich wraps at 80 where there is no terminal
    if payload.environment:
        os.environ["KEDRO_ENV"] = payload.environment


def _run(payload: Payload, at: Whereabouts) -> None:
    from kedro_aws_batch.container.beforehand import configure_logging  # noqa: PLC0415  (the first line comes first)
    from kedro_aws_batch.graph.folder import find_project  # noqa: PLC0415
    from kedro_aws_batch.graph.project import bootstrap, ignore_known_warnings  # noqa: PLC0415

    configure_logging()
    ignore_known_warnings()
    project = find_project(Path.cwd())
    bootstrap(project)
    from kedro_aws_batch.container.session import run_payload  # noqa: PLC0415

    run_payload(project, payload, at)


if __name__ == "__main__":
    sys.exit(main())
