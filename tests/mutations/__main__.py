"""Breaks each guard of some files, and prints those that no test and no seed of the simulation notices.

`python -m tests.mutations runs/claiming.py --tests tests/runs`. What each check reaches is measured first, so that a
mutant meets those alone that come by it: what has noticed most so far, then the quickest. Each mutant lives in a fork
of a process that has imported everything. Not all that survive are faults: `survivors.yml` has the reasons of those
that somebody has judged. These are passed over but for `--again`. Ends with code 1 if another one survives.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import os
import pickle
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from tests.mutations.checks import Check, seeds, tests
from tests.mutations.guards import Mutant, mutants
from tests.mutations.live import Place, swap, watch
from tests.mutations.survivors import reason

#: Seconds that a check may take longer than it usually does, four times over: then it is stuck, which is noticed.
_LONGER = 2.0
#: Seconds that a check may take by the clock: what waits for ever uses no CPU.
_LONGEST = 30
_T = TypeVar("_T")


@dataclass(frozen=True)
class Reached:
    """What a check reaches, and how many seconds of CPU it takes."""

    seconds: float
    places: frozenset[Place]


@dataclass
class Campaign:
    """Takes the place of running tests, once pytest has collected them."""

    arguments: argparse.Namespace
    noticing: Counter[str] = field(default_factory=Counter)  #: how many mutants each check has noticed
    unjudged: int = 0  #: how many survive without a reason, or have one and don't survive

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Break all guards of all files."""
        files: Sequence[str] = self.arguments.files
        for path in files:
            importlib.import_module(".".join(Path(path).with_suffix("").parts))  # some tests import it as they run
        checks = {check.name: check for check in [*tests(session), *seeds(self.arguments.seeds)]}
        reached = self._reached(checks)
        for path in files:
            swap(path, ast.parse(_read(path)), [])  # what lives is found once, before anything forks
        gc.freeze()
        for path in files:
            self._break(path, checks, reached)
        session.testsfailed = self.unjudged  # then pytest ends with code 1
        return True

    def _reached(self, checks: Mapping[str, Check]) -> dict[str, Reached]:
        kept: Path | None = self.arguments.reached
        if kept is not None and kept.exists():
            known: dict[str, Reached] = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
            return {name: each for name, each in known.items() if name in checks}
        found = _forked(lambda: _measure(self.arguments.files, checks.values())) or {}
        if kept is not None:
            kept.write_bytes(pickle.dumps(found))
        return found

    def _break(self, path: str, checks: Mapping[str, Check], reached: Mapping[str, Reached]) -> None:
        tally: Counter[str] = Counter()
        lines = self.arguments.lines
        for mutant, tree in mutants(_read(path), path):
            if lines and mutant.line not in lines:
                continue
            if reason(mutant) is not None and not self.arguments.again:
                tally["with a reason"] += 1
                continue
            place = (path, mutant.statement)
            near = [name for name, each in reached.items() if place in each.places]
            near.sort(key=lambda name: (-self.noticing[name], reached[name].seconds))
            noticed = self._notice(mutant, tree, [(checks[name], reached[name].seconds) for name in near])
            self.noticing[noticed] += 1
            self._count(mutant, noticed, tally)
        print(f"{path}: {dict(tally)}", flush=True)

    def _count(self, mutant: Mutant, noticed: str, tally: Counter[str]) -> None:
        survives = noticed in {"nobody", "not reached"}
        judged = reason(mutant) is not None
        tally[("with a reason" if judged else noticed) if survives else "noticed"] += 1
        self.unjudged += survives != judged
        told = f"{noticed}, so it needs no reason" if judged and not survives else noticed
        if survives != judged or self.arguments.all:
            print(f"{mutant}: {told}", flush=True)

    def _notice(self, mutant: Mutant, tree: ast.Module, checks: Sequence[tuple[Check, float]]) -> str:
        """Return the name of the check that notices a mutant."""
        if not checks:
            return "not reached"

        def attempt() -> str:
            swap(mutant.path, tree, [mutant.function])
            left = self.arguments.most
            for check, seconds in checks:
                if seconds > left:
                    continue
                left -= seconds
                _allow(4 * seconds + _LONGER)
                if not check.passes():
                    return check.name
            return "nobody"

        return _forked(attempt) or "stuck"


def _allow(seconds: float) -> None:
    """Have this process killed once it has used so many more seconds of CPU, or waits without using any."""
    signal.alarm(_LONGEST)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, resource.RLIM_INFINITY))


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _measure(paths: Sequence[str], checks: Iterable[Check]) -> dict[str, Reached]:
    places = watch(paths)
    found: dict[str, Reached] = {}
    for check in checks:
        places.clear()
        began = time.process_time()
        if check.passes():
            found[check.name] = Reached(time.process_time() - began, frozenset(places))
        else:
            print(f"fails before anything is broken: {check.name}", flush=True)
    return found


def _forked(act: Callable[[], _T]) -> _T | None:
    """Return what a function returns in a process of its own; None where that is killed, or raises."""
    receiving, sending = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receiving)
        with suppress(BaseException), os.fdopen(sending, "wb") as out:
            os.setpgid(0, 0)
            out.write(pickle.dumps(act()))
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as answers:
        answer = answers.read()
    os.waitpid(pid, 0)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what the tests started
    found: _T | None = pickle.loads(answer) if answer else None  # noqa: S301 - our own
    return found


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("files", nargs="+", help="what to break: runs/claiming.py …")
    parser.add_argument("--tests", nargs="+", default=["tests/runs", "tests/dag"], help="what may notice")
    parser.add_argument("--select", default="", help="which of them: pytest's -k")
    parser.add_argument("--seeds", type=int, default=120, help="of each kind of simulation, or a share of that")
    parser.add_argument("--most", type=float, default=10.0, help="seconds of checks that a mutant meets at most")
    parser.add_argument("--lines", nargs="*", type=int, help="break these lines alone")
    parser.add_argument("--reached", type=Path, help="a file that keeps what checks reach, for the next time")
    parser.add_argument("--again", action="store_true", help="break what has a reason to survive, too")
    parser.add_argument("--all", action="store_true", help="print by what a mutant was noticed, too")
    arguments = parser.parse_args()
    options = ["-q", "-p", "no:cacheprovider", "-m", "not long", "-o", "timeout=60", "-k", arguments.select]
    sys.exit(pytest.main([*options, *arguments.tests], plugins=[Campaign(arguments)]))


if __name__ == "__main__":
    main()
