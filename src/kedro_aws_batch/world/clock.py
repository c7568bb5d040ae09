"""A clock that stands still, at the run's beginning, while a configuration's resolvers read it.

A resolver such as `lambda form: datetime.now().strftime(form)` finds `datetime` in its module. While it is called, a
replacement with a fixed now stands there and in all of the project's modules. Other ways to the clock are not held:
imports within the function, or other libraries. `check` opens a project twice, and names what differs.
"""

from __future__ import annotations

import datetime as datetimes
import functools
import inspect
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timezone
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.framework import project

from kedro_aws_batch.moment import Moment

from .resolvers import resolvers_called


@contextmanager
def clock_stands_at(moment: Moment) -> Iterator[None]:
    """Give resolvers called in this context this moment as now, in any time zone."""
    still = Still(moment)
    with resolvers_called(lambda kept, *args: _called(kept, still, *args)):
        yield


#: The types of all that reads the clock. Most names of a module are of others, and a project has thousands of them.
_KINDS = frozenset({ModuleType, type, BuiltinFunctionType, MethodType})


class Still:
    """Replacements for a module's `datetime`, `date` and `time`."""

    def __init__(self, moment: Moment) -> None:
        seconds = moment.utc.timestamp()
        date_, datetime_ = _dates(seconds)
        self._functions = _functions(seconds)
        classes = {"date": date_, "datetime": datetime_}
        self._modules = {
            "datetime": SimpleNamespace(**{**vars(datetimes), **classes}),
            "time": SimpleNamespace(**{**vars(time), **self._functions}),
        }
        self._classes = classes

    def instead_of(self, value: Any) -> Any:
        """Return the replacement of a module's value; None if it doesn't read the clock."""
        if isinstance(value, ModuleType):
            return self._modules.get(value.__name__)
        if value is date or value is datetime:
            return self._classes[value.__name__]
        if isinstance(value, (BuiltinFunctionType, MethodType)):
            owner = self.instead_of(value.__self__)
            return None if owner is None else getattr(owner, value.__name__, None)
        return None

    @contextmanager
    def within(self, names: dict[str, Any]) -> Iterator[None]:
        """Replace a module's names for a while."""
        kinds = [(name, value) for name, value in names.items() if type(value) in _KINDS]
        changed = {name: stands_in for name, value in kinds if (stands_in := self.instead_of(value)) is not None}
        before = {name: names[name] for name in changed}
        names.update(changed)
        try:
            yield
        finally:
            names.update(before)


def _called(kept: Callable[..., Any], still: Still, *args: Any) -> Any:
    """Call a resolver as OmegaConf stores it: within a function of its own."""
    innermost = kept
    while isinstance(innermost, functools.partial):
        innermost = innermost.args[0]
    inner = _closure(innermost) if inspect.isfunction(innermost) else {}
    resolver = inner.get("resolver")
    if _reads_no_clock(resolver):
        return kept(*args)
    with ExitStack() as held:
        for names in (_names(resolver), *_names_of_the_project()):
            held.enter_context(still.within(names))
        return kept(*args)


def _closure(function: Any) -> dict[str, Any]:
    """Return a function's variables of enclosing functions."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells}


def _reads_no_clock(resolver: Any) -> bool:
    """Return whether it is one of Kedro's or OmegaConf's own, such as `globals` or `oc.env`.

    These call no code of the project, and stand in most paths of a large catalog.
    """
    if isinstance(resolver, MethodType):  # of a config loader, which may be the project's own
        return {resolver.__func__.__module__, type(resolver.__self__).__module__} == {OmegaConfigLoader.__module__}
    return isinstance(resolver, FunctionType) and resolver.__module__.startswith("omegaconf.")


def _names_of_the_project() -> list[dict[str, Any]]:
    """Return the names of each imported module of the project, since a resolver may call any of them."""
    package = str(project.PACKAGE_NAME or "")
    if not package:
        return []
    names = [name for name in list(sys.modules) if name.startswith(package)]
    return [vars(sys.modules[name]) for name in names if name.partition(".")[0] == package]


def _names(resolver: Any) -> dict[str, Any]:
    """Return the names of a resolver's module; none if there is no such module."""
    while isinstance(resolver, functools.partial):
        resolver = resolver.func
    function = inspect.unwrap(resolver)
    if not hasattr(function, "__globals__"):  # a callable object: its class has the function
        function = vars(type(function)).get("__call__")
    found: dict[str, Any] = getattr(function, "__globals__", {})
    return found


def _dates(seconds: float) -> tuple[type, type]:
    """Return classes for Python's dates and times with a fixed now."""

    class Kind(type):
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, cls.__mro__[1])

    class Date(date, metaclass=Kind):
        @classmethod
        def today(cls) -> Any:
            return date.fromtimestamp(seconds)  # noqa: DTZ012  (whoever asks for today means the day here)

    class DateTime(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(seconds, tz)

        @classmethod
        def utcnow(cls) -> Any:
            return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    return Date, DateTime


def _functions(seconds: float) -> Mapping[str, Callable[..., Any]]:
    """Return the functions of `time` that tell the time."""
    return {
        "time": lambda: seconds,
        "time_ns": lambda: int(seconds * 1_000) * 1_000_000,
        "localtime": lambda given=None: time.localtime(seconds if given is None else given),
        "gmtime": lambda given=None: time.gmtime(seconds if given is None else given),
        "ctime": lambda given=None: time.ctime(seconds if given is None else given),
        "strftime": lambda form, *given: time.strftime(form, *(given or (time.localtime(seconds),))),
    }
