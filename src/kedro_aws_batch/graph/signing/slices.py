"""The part of a module that matters to whoever uses some of it.

Running a module does some things and defines others. What it does always matters. What it merely defines, a function
without decorators or a constant, matters to those alone whose code names it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Whoever uses these may reach whatever there is in a module by a name that only a run can tell.
_REACH_ANY = {"globals", "vars", "eval", "exec", "locals", "dir", "__dict__", "__globals__", "modules"}
#: Expressions that do nothing but make a value, if what they are made of does.
_PURE = (
    *(ast.Constant, ast.Name, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare),
    *(ast.JoinedStr, ast.FormattedValue, ast.Starred, ast.IfExp, ast.Lambda),
    *(ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
)


class Slices:
    """A module's statements, and which of them matter to whoever uses some of it."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._places = {id(statement): place for place, statement in enumerate(tree.body)}
        self._makers: dict[str, list[ast.stmt]] = {}
        self._mentioned: dict[int, frozenset[str]] = {}
        does = []
        for statement in tree.body:
            names = defined(statement)
            if names is None:
                does.append(statement)
            for name in names or _bound(statement):
                self._makers.setdefault(name, []).append(statement)
        self._always: dict[int, ast.AST] = {}
        #: What matters to everybody who imports the module, in order.
        self.always: list[ast.AST] = [*tree.body] if _reaches_any(tree) else self.beyond(does)
        self._always = {id(one): one for one in self.always}

    def beyond(self, roots: Sequence[ast.AST]) -> list[ast.AST]:
        """Return what else matters to whoever uses these parts, in order; parts within a statement come last."""
        kept: dict[int, ast.AST] = {}
        left = [*roots]
        while left:
            one = left.pop()
            if id(one) not in kept and id(one) not in self._always:
                kept[id(one)] = one
                left += [maker for name in self._names_in(one) for maker in self._makers.get(name, ())]
        order = {id(root): len(self._places) + number for number, root in enumerate(roots)} | self._places
        return sorted(kept.values(), key=lambda one: order[id(one)])

    def _names_in(self, node: ast.AST) -> frozenset[str]:
        if id(node) not in self._mentioned:
            self._mentioned[id(node)] = frozenset(_mentioned(node))
        return self._mentioned[id(node)]


def _reaches_any(tree: ast.Module) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id in _REACH_ANY)
        or (isinstance(node, ast.Attribute) and node.attr in _REACH_ANY)
        for node in ast.walk(tree)
    )


def defined(statement: ast.stmt) -> list[str] | None:
    """Return the names that a statement defines, doing nothing else; None for one that may do something."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            found, values = [statement.name], [*statement.args.defaults, *filter(None, statement.args.kw_defaults)]
            return None if statement.decorator_list or not all(map(_is_pure, values)) else found
        case ast.Import() | ast.ImportFrom():
            found = [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
            return None if "*" in found else found
        case ast.Assign() | ast.AnnAssign():
            return _assigned(statement)
        case ast.If():
            return [] if is_for_type_checkers(statement) and not statement.orelse else None
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return []
    return None


def _assigned(statement: ast.Assign | ast.AnnAssign) -> list[str] | None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    pure = statement.value is None or _is_pure(statement.value)
    return names if pure and len(names) == len(targets) else None


def is_for_type_checkers(statement: ast.If) -> bool:
    """Whether no run ever enters an `if`."""
    test = statement.test
    return (test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")) == "TYPE_CHECKING"


def _is_pure(value: ast.expr) -> bool:
    """Whether an expression only makes a value: a lambda's body counts when it is called."""
    if isinstance(value, ast.Lambda):
        return all(map(_is_pure, [*value.args.defaults, *filter(None, value.args.kw_defaults)]))
    return isinstance(value, _PURE) and all(_is_pure(one) for one in ast.iter_child_nodes(value))  # type: ignore[arg-type]  # operators, too


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield all names that a statement may bind, at any depth."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _mentioned(node: ast.AST) -> Iterator[str]:
    """Yield all names that code mentions."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Global):
            yield from one.names
