"""What a node's function is: which modules its code lies in, and what it holds besides.

Partials, closures, decorated functions and callable objects hold further functions and values, which count like the
function's own. What can't be told is refused with the reason: nobody knows then whether it is the same.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import functools
import inspect
import pathlib
import re
import sys
import types
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .modules import Function, digest
from .packages import distributions, is_standard
from .syntax import normal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .modules import Modules
    from .syntax import WrittenFunction

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), range)
#: Whose `repr` tells all of them.
_TELLING = (
    *(datetime.date, datetime.time, datetime.timedelta, datetime.timezone, decimal.Decimal, fractions.Fraction),
    *(uuid.UUID, pathlib.PurePath, slice),
)
_NESTED = inspect.CO_NESTED
_HEAP_TYPE = 1 << 9


class UntoldError(Exception):
    """It can't be told whether something is the same as before; the message says why."""


@dataclass
class Recognised:
    """What tells something from others: a text, and the modules in which its code lies."""

    modules: set[str] = field(default_factory=set)
    #: Functions of which the source is followed.
    functions: list[Function] = field(default_factory=list)
    text: str = ""


def recognise(value: Any, modules: Modules) -> Recognised:
    """Return what a function or a value is. Raises UntoldError."""
    found = Recognised()
    found.text = _Looker(modules, found).text(value)
    return found


class _Looker:
    def __init__(self, modules: Modules, found: Recognised) -> None:
        self._modules, self._found = modules, found
        self._within: list[int] = []

    def text(self, value: Any) -> str:
        """Return a text that is another for whatever is another."""
        if type(value) in _PLAIN or isinstance(value, _TELLING):
            return f"{type(value).__name__}:{value!r}"
        if id(value) in self._within:
            return f"again:{len(self._within) - self._within.index(id(value))}"
        self._within.append(id(value))
        try:
            return f"{type(value).__name__}({self._of(value)})"
        finally:
            self._within.pop()

    def _of(self, value: Any) -> str:
        for kinds, look in self._rules():
            if isinstance(value, kinds):
                return look(value)
        if hasattr(value, "__wrapped__") and type(value) is type(functools.lru_cache(len)):
            return f"{value.cache_parameters()} {self.text(value.__wrapped__)}"
        return self._named(value) or self._instance(value)

    def _rules(self) -> Iterator[tuple[type | tuple[type, ...], Callable[[Any], str]]]:
        yield enum.Enum, lambda value: f"{self.text(type(value))}.{value.name}"
        yield (tuple, list), lambda value: ",".join(map(self.text, value)) + self._kind(value)
        yield (set, frozenset), lambda value: ",".join(sorted(map(self.text, value)))
        yield dict, lambda value: ",".join(f"{self.text(k)}:{self.text(v)}" for k, v in value.items())
        yield types.MappingProxyType, lambda value: self.text(dict(value))
        yield re.Pattern, lambda value: f"{value.pattern!r} {value.flags}"
        yield types.ModuleType, lambda value: self._module(value.__name__)
        yield types.FunctionType, self._function
        yield types.MethodType, lambda value: f"{self.text(value.__func__)} {self.text(value.__self__)}"
        yield functools.partial, lambda value: self.text([value.func, list(value.args), dict(value.keywords)])
        yield types.BuiltinFunctionType, self._builtin
        yield type, self._class
        yield (staticmethod, classmethod), lambda value: self.text(value.__func__)
        yield property, lambda value: self.text([value.fget, value.fset, value.fdel])
        yield functools.singledispatchmethod, lambda value: self.text(value.dispatcher)

    def _kind(self, value: Any) -> str:
        """Return what a subclass of a list or a tuple adds: a named tuple's class."""
        return "" if type(value) in (tuple, list) else f" {self.text(type(value))}"

    def _module(self, name: str) -> str:
        self._found.modules.add(name)
        return name

    def _builtin(self, value: Any) -> str:
        holder = value.__self__
        if holder is None or isinstance(holder, types.ModuleType):
            return f"{self._module(value.__module__ or 'builtins')}:{value.__qualname__}"
        return f"{value.__qualname__} {self.text(holder)}"

    def _function(self, function: Any) -> str:
        module = str(function.__globals__.get("__name__", ""))
        if hasattr(function, "registry") and hasattr(function, "dispatch"):  # functools.singledispatch
            return self.text(
                sorted((f"{one.__module__}.{one.__qualname__}", by) for one, by in function.registry.items())
            )
        code = function.__code__
        if not self._is_followed(module):
            self._module(module)
            held = [
                function.__defaults__,
                function.__kwdefaults__,
                *(_content(cell, function) for cell in function.__closure__ or ()),
            ]
            return self._named(function) or f"{module}:{function.__qualname__} {digest(code.co_code)} {self.text(held)}"
        path, syntax = self._source(function, module)
        self._found.functions.append(Function(module, path, syntax))
        if not (code.co_flags & _NESTED or function.__closure__ or code.co_name == "<lambda>"):
            return f"{module}:{path}"
        held = [_content(cell, function) for cell in function.__closure__ or ()]
        held += [function.__defaults__, function.__kwdefaults__]
        return f"{module}:{path} {digest(normal(syntax))} {self.text(held)}"

    def _source(self, function: Any, module: str) -> WrittenFunction:
        """Return the syntax that a function was made of."""
        source, code = self._modules.module(module), function.__code__
        if source is None or source.tree is None or not _is_file(source.file, code.co_filename):
            raise UntoldError(f"'{function.__qualname__}' was made while the program ran, and no file has its source")
        found = source.functions.get((code.co_firstlineno, code.co_name), [])
        if len(found) > 1:
            raise UntoldError(f"line {code.co_firstlineno} of {module} makes more than one '{code.co_name}'")
        if not found:
            raise UntoldError(f"'{function.__qualname__}' is not where it was in {module} when that was imported")
        return found[0]

    def _is_followed(self, module: str) -> bool:
        top = module.partition(".")[0]
        return self._modules.is_own(top) or not (is_standard(top) or distributions(top))

    def _class(self, value: type) -> str:
        self._module(value.__module__)
        if "<locals>" in value.__qualname__:
            raise UntoldError(f"the class '{value.__qualname__}' was made by a function")
        return f"{value.__module__}:{value.__qualname__}"

    def _named(self, value: Any) -> str | None:
        """Return the name of what its module has by that very name: NumPy's functions, say."""
        module = getattr(value, "__module__", None) or type(value).__module__
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        if not isinstance(module, str) or not isinstance(name, str) or self._is_followed(module):
            return None
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        return f"{self._module(module)}:{name}" if found is value else None

    def _instance(self, value: Any) -> str:
        """Return what an object is whose class is written in Python: the class, and what it holds."""
        classes = [one for one in type(value).__mro__ if one is not object]
        in_python = all(one.__flags__ & _HEAP_TYPE and not one.__dict__.get("__slots__") for one in classes)
        if not in_python or not hasattr(value, "__dict__"):
            raise UntoldError(
                f"it holds a {type(value).__module__}.{type(value).__qualname__}, whose state can't be told"
            )
        return f"{self.text(type(value))} {self.text(dict(sorted(vars(value).items())))}"


def _content(cell: Any, function: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError as error:
        raise UntoldError(f"'{function.__qualname__}' closes over something that isn't there yet") from error


def _is_file(file: pathlib.Path | None, name: str) -> bool:
    return file is not None and file.resolve() == pathlib.Path(name).resolve()
