"""A clock that is wrong by a given time, to see what a configuration is at another time."""

from __future__ import annotations

import datetime as datetimes
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from typing import Any

from omegaconf import OmegaConf

#: Leads to another year, month, day of the month, weekday, hour, minute and second, whatever the time is now.
FAR = timedelta(days=401, hours=13, minutes=29, seconds=17)


@contextmanager
def resolvers_elsewhen(by: timedelta) -> Iterator[None]:
    """Shift the clock of `datetime` and `time` that resolvers import while they are called.

    Not longer than that: compiled modules imported meanwhile may not bear it.
    """
    before = OmegaConf._get_resolver  # noqa: SLF001  (there is no public door)

    def _get_resolver(name: str) -> Any:
        found = before(name)
        return None if found is None else functools.partial(_called, found, by)

    setattr(OmegaConf, "_get_resolver", staticmethod(_get_resolver))  # noqa: B010  (mypy knows it as a method)
    try:
        yield
    finally:
        setattr(OmegaConf, "_get_resolver", staticmethod(before))  # noqa: B010


def _called(kept: Callable[..., Any], by: timedelta, *args: Any) -> Any:
    with _ahead(by):
        return kept(*args)


@contextmanager
def _ahead(by: timedelta) -> Iterator[None]:
    real = {name: getattr(time, name) for name in ("time", "time_ns", "localtime", "gmtime", "strftime")}
    seconds = by.total_seconds()

    def now() -> float:
        return float(real["time"]() + seconds)

    functions = {
        "time": now,
        "time_ns": lambda: real["time_ns"]() + int(seconds) * 1_000_000_000,
        "localtime": lambda given=None: real["localtime"](now() if given is None else given),
        "gmtime": lambda given=None: real["gmtime"](now() if given is None else given),
        "strftime": lambda form, *given: real["strftime"](form, *(given or (real["localtime"](now()),))),
    }
    _replace(time, functions)
    _replace(datetimes, dict(zip(("date", "datetime"), _dates(by), strict=True)))
    try:
        yield
    finally:
        _replace(time, real)
        _replace(datetimes, {"date": date, "datetime": datetime})


def _replace(module: Any, names: dict[str, Any]) -> None:
    for name, value in names.items():
        setattr(module, name, value)


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
