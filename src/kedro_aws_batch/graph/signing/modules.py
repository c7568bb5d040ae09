"""The modules that a node's function leads to, and what of them counts.

Source is followed: that of the project, and of whatever else lies in no place for installed packages. A module from
which something is imported counts as a whole. One that is merely run, since it lies above such a module or is imported
for nobody's use, counts by what running it does. Of its own module counts what the function names (slices.py).
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .imports import Imports, imports_of, meanings, together
from .packages import distributions, is_standard, python, versions
from .slices import Slices
from .syntax import WrittenFunction, functions_in, normal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec


def digest(text: str | bytes) -> str:
    """Return the SHA-256 of a text, in hex digits."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


@dataclass(frozen=True)
class Part:
    """The part of a module that counts."""

    #: Digest of what it does; empty where that is nothing.
    hash: str
    used: Imports
    #: What the rest of the module imports: it is run, and nothing of it used.
    run: frozenset[str]


class _Read(NamedTuple):
    text: str
    used: Imports


@dataclass(frozen=True)
class Function:
    """A function whose source is followed."""

    module: str
    called: str
    syntax: ast.AST


@dataclass(frozen=True)
class Module:
    """A module whose source is followed."""

    name: str
    file: Path | None
    is_package: bool

    @cached_property
    def tree(self) -> ast.Module | None:
        """Return its syntax; None for what isn't Python source."""
        if self.file is None or self.file.suffix != ".py":
            return None
        return ast.parse(self.file.read_bytes())

    @cached_property
    def functions(self) -> Mapping[tuple[int, str], Sequence[WrittenFunction]]:
        """Return all functions in it, by line and name."""
        return {} if self.tree is None else functions_in(self.tree)

    @cached_property
    def whole(self) -> Part:
        """Return all of it."""
        if self.tree is not None:
            return self._slice(self.tree.body, "")
        return Part("" if self.file is None else digest(self.file.read_bytes()), Imports(), frozenset())

    @cached_property
    def run(self) -> Part:
        """Return what running it does."""
        return self.whole if self._slices is None else self._slice(self._slices.always, "")

    def part(self, root: ast.AST) -> Part:
        """Return what counts for whoever uses this part of it, and what running it does."""
        if self._slices is None:
            return self.whole
        more = self._slice(self._slices.beyond([root]), self.run.hash)
        return Part(more.hash, together([self.run.used, more.used]), self.run.run & more.run)

    @cached_property
    def _slices(self) -> Slices | None:
        return None if self.tree is None else Slices(self.tree)

    def _slice(self, code: Sequence[ast.AST], above: str) -> Part:
        kept = {id(one) for one in code}
        texts, used = zip(*map(self._read, code), strict=True) if code else ((), ())
        rest = (name for statement, names in self._leads.items() if statement not in kept for name in names)
        return Part(digest("\n".join([above, *texts])) if code else above, together(used), frozenset(rest))

    def _read(self, code: ast.AST) -> _Read:
        if id(code) not in self._known:
            self._known[id(code)] = _Read(_text(code), imports_of(code, self._package, self._meanings))
        return self._known[id(code)]

    @cached_property
    def _known(self) -> dict[int, _Read]:
        return {}

    @cached_property
    def _leads(self) -> dict[int, frozenset[str]]:
        """Return the names that each statement of the module imports."""
        found: dict[int, frozenset[str]] = {}
        for statement in [] if self.tree is None else self.tree.body:
            names: set[str] = set()
            meanings([statement], self._package, names)
            if names:
                found[id(statement)] = frozenset(names)
        return found

    @cached_property
    def _meanings(self) -> dict[str, str]:
        if self.tree is None:
            return {}
        return {**meanings(ast.walk(self.tree), self._package), **meanings(self.tree.body, self._package)}

    @property
    def _package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def path(self) -> str:
        """Return where it lies, seen from where imports begin."""
        path = self.name.replace(".", "/")
        return f"{path}/__init__.py" if self.is_package else f"{path}.py"


def _text(code: ast.AST) -> str:
    try:
        return digest(normal(code))
    except RecursionError:  # nested deeper than people write it: its layout then counts, too
        return digest(ast.dump(code))


def _source(file: Path) -> str:
    return _text(ast.parse(file.read_bytes()))


@dataclass
class Code:
    """What some code leads to: digests of code and files, and versions, by what each is called."""

    own: dict[str, str] = field(default_factory=dict)  #: of the functions themselves
    parts: dict[str, str] = field(default_factory=dict)  #: of all else

    @cached_property
    def hash(self) -> str:
        """Return the digest of all of it."""
        return digest(repr([sorted(self.own.items()), sorted(self.parts.items())]))


class Modules:
    """The modules of a project, each read once."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._found: dict[str, Module | None] = {}
        self._codes: dict[Hashable, Code] = {}
        self._files: dict[Hashable, str] = {}

    def code(self, modules: Iterable[str], functions: Iterable[Function] = ()) -> Code:
        """Return what counts for whoever uses these modules and these functions."""
        names, used = frozenset(modules), tuple(functions)
        key = names, tuple((one.module, one.called, id(one.syntax)) for one in used)
        if key not in self._codes:
            self._codes[key] = self._code(sorted(names), used)
        return self._codes[key]

    def _code(self, modules: Sequence[str], functions: Sequence[Function]) -> Code:
        found = Code(parts=dict(python()))
        left = deque((name, True) for name in modules)
        for function in functions:
            module = self.module(function.module)
            if module is not None:
                part = module.part(function.syntax)
                self._count(module, f"code of {function.called} in {module.path}", part, found.own)
                left += _leads(module, part)
        seen: dict[str, bool] = {}
        while left:
            name, used = left.popleft()
            if name in seen and seen[name] >= used:
                continue
            seen[name] = used
            left += self._follow(name, used, found.parts)
        return found

    def _follow(self, name: str, used: bool, found: dict[str, str]) -> Iterator[tuple[str, bool]]:
        """Yield what a module leads to, and whether that is used or merely run; add to what is found what counts."""
        top = name.partition(".")[0]
        if is_standard(top) and not self.is_own(top):
            return
        installed = None if self.is_own(top) else distributions(top)
        if installed:
            for one in installed:
                found.update(versions(one))
            return
        module = self.module(name)
        if module is None and "." in name:
            yield name.rpartition(".")[0], used
        elif module is None:
            found[f"code of {name}"] = "absent"
        else:
            part = module.whole if used else module.run
            self._count(module, f"code of {module.path}" if used else f"what importing {module.path} does", part, found)
            yield from _leads(module, part)

    def _count(self, module: Module, called: str, part: Part, found: dict[str, str]) -> None:
        top = module.name.partition(".")[0]
        if part.hash:
            found[called] = part.hash
        if part.used.dynamic:
            found[f"code of {top}, of which {module.path} may run any"] = self._all_of(top, source=True)
        if part.used.reads_files:
            found[f"files in {top}, of which {module.path} may read any"] = self._all_of(top, source=False)

    def _all_of(self, top: str, source: bool) -> str:
        """Return a digest of all files in a top-level package that are source, or of all others."""
        if (top, source) not in self._files:
            self._files[top, source] = self._digest_of_all(top, source)
        return self._files[top, source]

    def _digest_of_all(self, top: str, source: bool) -> str:
        module = self.module(top)
        if module is None or module.file is None:
            return "absent"
        folder = module.file.parent if module.is_package else module.file
        files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
        chosen = (file for file in files if file.is_file() and "__pycache__" not in file.parts)
        told = (
            f"{file.relative_to(folder)} {_source(file) if source else digest(file.read_bytes())}"
            for file in chosen
            if (file.suffix == ".py") is source
        )
        return digest("\n".join(told))

    def is_own(self, top: str) -> bool:
        """Whether a top-level module is the project's."""
        return top == self._package

    def module(self, name: str) -> Module | None:
        """Return a module whose source is followed; None if there is none of that name."""
        if name not in self._found:
            self._found[name] = _find(name)
        return self._found[name]


def _leads(module: Module, part: Part) -> Iterator[tuple[str, bool]]:
    """Yield what a part of a module leads to: what it imports, what else its module does, and the packages above."""
    yield from ((name, True) for name in sorted(part.used.names))
    yield from ((name, False) for name in sorted(part.run))
    name = module.name
    while "." in name:
        name = name.rpartition(".")[0]
        yield name, False


def _find(name: str) -> Module | None:
    spec = _spec(name)
    if spec is None:
        return None
    if spec.origin is None or not spec.has_location:  # a folder without `__init__.py`
        return Module(name, None, is_package=True) if spec.submodule_search_locations else None
    return Module(name, Path(spec.origin), spec.submodule_search_locations is not None)


def _spec(name: str) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__ is not None:
        return loaded.__spec__
    above = name.rpartition(".")[0]
    if above and not hasattr(sys.modules.get(above), "__path__") and _spec(above) is None:
        return None
    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):  # its parent is no package, or can't be imported
        return None
