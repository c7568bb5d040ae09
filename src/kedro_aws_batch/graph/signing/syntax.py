"""Python source as what it does: comments, docstrings, formatting and the names of local variables left out.

What is written here depends on no version of Python, as far as both know the syntax: it names only the fields that hold
something.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_Function = ast.FunctionDef | ast.AsyncFunctionDef
#: Fields that say nothing of what code does.
_SILENT = {"ctx", "type_comment", "kind", "type_ignores"}
#: What of a function is read outside of it, where its locals are unknown.
_OUTSIDE = {"decorator_list", "args", "returns", "type_params"}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
#: Through these code may see its locals' names.
_SEE_NAMES = {"locals", "vars", "eval", "exec", "dir"}


def normal(tree: ast.AST) -> str:
    """Return the same text for two trees that do the same but for comments, docstrings, layout and locals' names.

    The same text is never returned for two that may do something else.
    """
    keeps_docstrings = any(
        isinstance(node, ast.Name | ast.Attribute) and _name(node) == "__doc__" for node in ast.walk(tree)
    )
    out: list[str] = []
    _Writer(out, keeps_docstrings).write(tree, {}, within=False)
    return "".join(out)


class WrittenFunction(NamedTuple):
    """A function as it is written."""

    path: str  #: `twice.wrapper`
    syntax: ast.AST


def functions_in(tree: ast.AST) -> dict[tuple[int, str], list[WrittenFunction]]:
    """Return all functions by the line and the name that Python gives their code; those of one line share a name."""
    found: dict[tuple[int, str], list[WrittenFunction]] = {}
    left: list[WrittenFunction] = [WrittenFunction("", tree)]
    while left:
        path, node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            path = f"{path}.{name}" if path else name
            if not isinstance(node, ast.ClassDef):
                found.setdefault((_begins(node), name), []).append(WrittenFunction(path, node))
        left += [WrittenFunction(path, child) for child in ast.iter_child_nodes(node)]
    return found


def _begins(node: _Function | ast.Lambda) -> int:
    """Return the line at which Python says that a function begins: its first decorator's, if it has any."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return decorators[0].lineno if decorators else node.lineno


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


class _Writer:
    def __init__(self, out: list[str], keeps_docstrings: bool) -> None:
        self._out, self._keeps_docstrings = out, keeps_docstrings

    def write(self, node: Any, names: Mapping[str, str], within: bool) -> None:
        """Write a node, a list or a constant; `within` says whether that is in a function, whose locals `names` are."""
        if isinstance(node, ast.AST):
            self._node(node, names, within)
        elif isinstance(node, list):
            self._out.append("[")
            for one in node:
                self.write(one, names, within)
                self._out.append(",")
            self._out.append("]")
        else:
            self._out.append(f"{type(node).__name__}:{node!r}")

    def _node(self, node: ast.AST, names: Mapping[str, str], within: bool) -> None:
        outermost = isinstance(node, _Function) and not within
        inner = _locals(node) if isinstance(node, _Function) and outermost else names
        self._out.append(f"{type(node).__name__}(")
        for field, value in ast.iter_fields(node):
            if field in _SILENT or value is None or value == []:
                continue
            self._out.append(f"{field}=")
            if field == "id" and value in names:
                self._out.append(names[value])
            elif field == "body" and isinstance(node, (*_SCOPES, ast.Module)) and not isinstance(node, ast.Lambda):
                self.write(self._without_docstring(value), inner, within or outermost)
            elif outermost and field in _OUTSIDE:
                self.write(value, names, within)
            else:
                self.write(value, inner, within or outermost)
            self._out.append(";")
        self._out.append(")")

    def _without_docstring(self, body: list[ast.stmt]) -> list[ast.stmt]:
        first = body[0]
        is_docstring = (
            isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
        )
        return body[1:] if is_docstring and not self._keeps_docstrings else body


def _locals(function: _Function) -> dict[str, str]:
    """Return other names for those locals of a function that nothing but the function itself can tell by their names.

    Each of them is assigned in the function's own scope, so that nowhere in the function, nor in what is defined in
    it, it means anything global.
    """
    inside = [node for statement in function.body for node in ast.walk(statement)]
    if any(isinstance(node, ast.ClassDef) or (isinstance(node, ast.Name) and node.id in _SEE_NAMES) for node in inside):
        return {}
    known = {name for node in [function.args, *inside] for name in _told(node)}
    own = (node.id for statement in function.body for node in _own(statement) if _is_assigned(node))
    return {name: f"${number}" for number, name in enumerate(dict.fromkeys(name for name in own if name not in known))}


def _is_assigned(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _own(node: ast.AST) -> Iterator[ast.Name]:
    """Yield the names in a function's own scope."""
    if isinstance(node, ast.Name):
        yield node
    elif not isinstance(node, (*_SCOPES, *_COMPREHENSIONS)):
        for child in ast.iter_child_nodes(node):
            yield from _own(child)


def _told(node: ast.AST) -> Iterator[str]:
    """Yield names that mean something outside, or that are bound by something else than an assignment."""
    if isinstance(node, ast.arguments):
        every = [*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg]
        yield from (one.arg for one in every if one is not None)
    elif isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        yield node.name or ""
    elif isinstance(node, ast.MatchMapping):
        yield node.rest or ""
