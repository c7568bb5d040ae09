"""Another time and another host, to see what a configuration is in another process."""

from __future__ import annotations

import datetime as datetimes
import functools
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from .resolvers import resolvers_called

#: Leads to another year, month, day of the month, weekday, hour, minute and second, whatever the time is now.
FAR = timedelta(days=401, hours=13, minutes=29, seconds=17)
_HOST = "another-host"
_REPLACED = {
    time: ("time", "time_ns", "localtime", "gmtime", "strftime"),
    datetimes: ("date", "datetime"),
    socket: ("gethostname",),
    platform: ("node",),
    os: ("uname",),
}
_Names = Mapping[tuple[ModuleType, str], Any]
_REAL: _Names = {(module, name): getattr(module, name) for module, names in _REPLACED.items() for name in names}


@contextmanager
def resolvers_elsewhere(by: timedelta) -> Iterator[None]:
    """Let resolvers find another time and host while they are called.

    Not longer than that: compiled modules imported meanwhile may not bear it.
    """
    with resolvers_called(lambda kept, *args: _called(kept, by, *args)):
        yield


@contextmanager
def modules_elsewhere(project: Path, by: timedelta) -> Iterator[None]:
    """Let a project's modules find another time and host while they are imported, but none that they import."""
    finder = _Finder(project.resolve(), by)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder:
    """Finds modules as the others do, and changes what surrounds their execution."""

    def __init__(self, project: Path, by: timedelta) -> None:
        self._project, self._by = project, by

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a module's spec, as the other finders make it."""
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        loader = None if spec is None else spec.loader
        if spec is not None and "exec_module" not in getattr(loader, "__dict__", {"exec_module": None}):
            elsewhere = self._by if self._is_own(spec.origin) else None
            setattr(loader, "exec_module", functools.partial(_executed, loader.exec_module, elsewhere))  # type: ignore[union-attr]  # noqa: B010
        return spec

    def _is_own(self, origin: str | None) -> bool:
        if origin is None:
            return False
        path = Path(origin)
        return path.is_relative_to(self._project) and "site-packages" not in path.parts


def _executed(execute: Callable[[ModuleType], None], by: timedelta | None, module: ModuleType) -> None:
    with _elsewhere(by):
        execute(module)
    if by is not None:  # `from datetime import date` has bound the replacement
        real = {id(stands_in): _REAL[place] for place, stands_in in _replacements(by).items()}
        vars(module).update({name: real[id(value)] for name, value in vars(module).items() if id(value) in real})


def _called(kept: Callable[..., Any], by: timedelta, *args: Any) -> Any:
    with _elsewhere(by):
        return kept(*args)


@contextmanager
def _elsewhere(by: timedelta | None) -> Iterator[None]:
    """Replace clock and host for a while; with None, give back the real ones."""
    before = {(module, name): getattr(module, name) for module, name in _REAL}
    _put(_REAL if by is None else _replacements(by))
    try:
        yield
    finally:
        _put(before)


def _put(values: _Names) -> None:
    for (module, name), value in values.items():
        setattr(module, name, value)


@functools.cache
def _replacements(by: timedelta) -> _Names:
    real = {name: value for (_, name), value in _REAL.items()}
    seconds = by.total_seconds()

    def now() -> float:
        return float(real["time"]() + seconds)

    functions = {
        "time": now,
        "time_ns": lambda: real["time_ns"]() + int(seconds) * 1_000_000_000,
        "localtime": lambda given=None: real["localtime"](now() if given is None else given),
        "gmtime": lambda given=None: real["gmtime"](now() if given is None else given),
        "strftime": lambda form, *given: real["strftime"](form, *(given or (real["localtime"](now()),))),
        "gethostname": lambda: _HOST,
        "node": lambda: _HOST,
        "uname": lambda: os.uname_result((real["uname"]()[0], _HOST, *real["uname"]()[2:])),
    }
    stand_ins = functions | dict(zip(("date", "datetime"), _dates(by), strict=True))
    return {(module, name): stand_ins[name] for module, name in _REAL}


def _dates(by: timedelta) -> tuple[type, type]:
    class Date(date):
        @classmethod
        def today(cls) -> Any:
            return (datetime.now() + by).date()  # noqa: DTZ005  (whoever asks means the time here)

    class DateTime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + by

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(timezone.utc).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    return Date, DateTime
