"""Which modules code may lead to."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from importlib.util import resolve_name
from typing import TYPE_CHECKING, Any

from .slices import is_for_type_checkers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: What runs modules by names or paths, as Kedro's `load_obj` does.
_LOADERS = frozenset(
    {"load_obj", "resolve_name", "run_path", "run_module", "spec_from_file_location", "SourceFileLoader"}
)
_LOADING_MODULES = frozenset({"runpy", "pydoc"})
#: What reads files of a package.
_READERS = {"__file__", "__path__", "get_data", "resources", "importlib_resources", "pkgutil"}


@dataclass
class Imports:
    """What some code imports."""

    #: Absolute names of what may be modules: of `from a import b` it is `a.b`, and `a` if that is none.
    names: set[str] = field(default_factory=set)
    #: Whether it imports or runs what only a run can tell.
    dynamic: bool = False
    #: Whether it may read files that lie in a package.
    reads_files: bool = False


def together(some: Iterable[Imports]) -> Imports:
    """Return what several pieces of code import together."""
    every = [*some]
    return Imports(
        names={name for one in every for name in one.names},
        dynamic=any(one.dynamic for one in every),
        reads_files=any(one.reads_files for one in every),
    )


def imports_of(code: ast.AST, package: str, known: Mapping[str, str]) -> Imports:
    """Return what code imports, wherever in it that is written.

    `package` is what relative imports begin from, `known` what the module's imports mean: name → absolute name.
    """
    found = Imports()
    nodes = [*_running(code)]
    aliases = {**known, **meanings(nodes, package, found.names)}
    for node in nodes:
        _look(node, aliases, found)
    return found


def meanings(nodes: Iterable[ast.AST], package: str, names: set[str] | None = None) -> dict[str, str]:
    """Return what imported names mean, absolutely; add to `names` what the imports lead to."""
    aliases: dict[str, str] = {}
    led: set[str] = set() if names is None else names
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                led.add(alias.name)
                first = alias.name.partition(".")[0]
                aliases[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            for alias in node.names:
                led.add(module if alias.name == "*" else f"{module}.{alias.name}")
                aliases[alias.asname or alias.name] = f"{module}.{alias.name}"
    return aliases


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all in it, but for what type checkers alone read."""
    yield node
    inner = node.orelse if isinstance(node, ast.If) and is_for_type_checkers(node) else ast.iter_child_nodes(node)
    for child in inner:
        yield from _running(child)


def _look(node: ast.AST, aliases: Mapping[str, str], found: Imports) -> None:
    if isinstance(node, ast.Attribute):
        head, _, rest = _named(node).partition(".")
        if head in aliases and rest:  # `import a` may be followed by `a.b.c`, where somebody else imports `a.b`
            found.names.add(f"{aliases[head]}.{rest}")
            found.dynamic = found.dynamic or f"{aliases[head]}.{rest}" == "sys.modules"
    if isinstance(node, ast.Name | ast.Attribute):
        last = node.id if isinstance(node, ast.Name) else node.attr
        found.reads_files = found.reads_files or last in _READERS
    if isinstance(node, ast.ImportFrom | ast.Import):
        found.reads_files = found.reads_files or any(alias.name.rpartition(".")[2] in _READERS for alias in node.names)
        found.dynamic = found.dynamic or any(_loads(alias) for alias in node.names)
        found.dynamic = found.dynamic or getattr(node, "module", None) in _LOADING_MODULES
    if isinstance(node, ast.Call):
        _called(node, found)


def _loads(alias: ast.alias) -> bool:
    """Return whether a name that is imported runs modules by names or paths, which may be computed."""
    renamed = alias.name == "import_module" and alias.asname not in (None, "import_module")
    return renamed or alias.name in _LOADERS or alias.name in _LOADING_MODULES


def _called(node: ast.Call, found: Imports) -> None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in ("import_module", "__import__"):
        first: Any = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("."):
            found.names.add(first.value)
        else:
            found.dynamic = True
    elif name in _LOADERS or (isinstance(node.func, ast.Name) and name in ("exec", "eval")):
        found.dynamic = True


def _named(node: ast.AST) -> str:
    """Return a dotted name as it is written; nothing for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
