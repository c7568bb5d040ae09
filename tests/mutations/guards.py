"""The guards of a file, each of them broken in every way that has a name here.

A guard is what keeps the bad days from doing harm: conditions, bounds, what is handled, what is taken out of a set,
calls made for their effect, conditions of DynamoDB. What a function computes is no guard.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_SHIFTED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_CONDITION = re.compile(r"attribute_(not_)?exists\(|^#?\w+ = :\w+( AND|$)")
_CLAUSE = re.compile(r"attribute_\w+\(\w+\)|size\(\w+\) <= :\w+|#?\w+ (?:=|<=) :\w+|\w+ BETWEEN :\w+ AND :\w+")
#: What DynamoDB finds true, and false, of every item.
ALWAYS, NEVER = "attribute_not_exists(never)", "attribute_exists(never)"
_TOLD = re.compile(r"\blog\.(info|warning|error|exception)")


@dataclass(frozen=True)
class Mutant:
    """A file with one of its guards broken."""

    path: str
    function: str  #: dotted, as it is named in the file
    statement: int  #: the line where the statement begins
    line: int
    what: str

    def __str__(self) -> str:
        """Return where it is and what it is."""
        return f"{self.path}:{self.line} {self.what}"


def mutants(source: str, path: str) -> Iterator[tuple[Mutant, ast.Module]]:
    """Yield each mutant with its syntax tree, which is whole again when the next is asked for.

    What a function has several times is numbered from the second on: its name and `what` tell all mutants apart.
    """
    tree = ast.parse(source)
    for function, name in functions(tree):
        times: Counter[str] = Counter()
        for statement in _statements(function):
            for parent, field, index, node in _slots(statement):
                for what, instead in _broken(parent, field, node):
                    line = getattr(node, "lineno", statement.lineno)
                    times[what] += 1
                    numbered = what if times[what] == 1 else f"{what} ({times[what]})"
                    mutant = Mutant(path, name, statement.lineno, line, numbered)
                    _put(parent, field, index, ast.fix_missing_locations(ast.copy_location(instead, statement)))
                    yield mutant, tree
                    _put(parent, field, index, node)


def functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    """Yield the functions and methods of a module with their names, those within functions with these."""
    for node in tree.body:
        for each in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef):
                yield each, f"{node.name}.{each.name}" if isinstance(node, ast.ClassDef) else each.name


def _statements(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """Yield the statements of a function, those within others after them."""
    for node in ast.walk(function):
        if isinstance(node, ast.stmt) and node is not function:
            yield node


def _slots(statement: ast.stmt) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield where each node of a statement is held, but for what belongs to the statements within."""
    pending: list[ast.AST] = [statement]
    while pending:
        parent = pending.pop()
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns"):
                continue
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(node, ast.AST):
                    continue
                yield parent, field, index, node
                if not isinstance(node, ast.stmt):
                    pending.append(node)


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _broken(parent: ast.AST, field: str, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    text = ast.unparse(node).partition("\n")[0]
    for what, instead in _instead(parent, field, node):
        yield f"{text} → {what}", instead


def _instead(parent: ast.AST, field: str, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.stmt):
        yield from _statement(parent, node)
    elif isinstance(node, ast.ExceptHandler):
        yield from _handler(node)
    elif isinstance(node, ast.keyword):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
            yield f"{not node.value.value}", ast.keyword(node.arg, ast.Constant(not node.value.value))
    elif isinstance(node, ast.expr):
        yield from _truth(parent, field, node)
        yield from _expression(node)


def _statement(parent: ast.AST, node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    alone = isinstance(parent, ast.If) and len(parent.body) == 1  # then its condition is broken instead
    effect = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _TOLD.search(ast.unparse(node))
    dropped = isinstance(node, (ast.AugAssign, ast.Delete)) or effect
    if dropped or (isinstance(node, (ast.Raise, ast.Break, ast.Continue)) and not alone):
        yield "dropped", ast.Pass()


def _handler(node: ast.ExceptHandler) -> Iterator[tuple[str, ast.AST]]:
    def handling(types: list[ast.expr]) -> ast.ExceptHandler:
        return ast.ExceptHandler(ast.Tuple(types, ast.Load()), node.name, node.body)

    yield "handles nothing", handling([])
    if isinstance(node.type, ast.Tuple):
        for each in node.type.elts:
            left = [other for other in node.type.elts if other is not each]
            yield f"lets {ast.unparse(each)} pass", handling(left)


def _truth(parent: ast.AST, field: str, node: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    """Yield True and False instead of what is asked, wherever it is."""
    if isinstance(node, ast.Constant) or isinstance(parent, ast.BoolOp):
        return
    if isinstance(parent, ast.comprehension) and field == "ifs":
        yield "True", ast.Constant(True)
        return
    asked = isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
    asked = asked or (isinstance(node, ast.Call) and ast.unparse(node.func) in ("any", "all"))
    denied = isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)
    if not denied and (asked or (field == "test" and isinstance(parent, (ast.If, ast.IfExp, ast.While)))):
        yield "True", ast.Constant(True)
        yield "False", ast.Constant(False)


def _expression(node: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.BoolOp):
        for each in node.values:
            left = [other for other in node.values if other is not each]
            yield f"without {ast.unparse(each)}", left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
    elif isinstance(node, ast.Compare):
        for index, kind in enumerate(node.ops):
            if shifted := _SHIFTED.get(type(kind)):
                ops = [*node.ops[:index], shifted(), *node.ops[index + 1 :]]
                yield "bound shifted", ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BinOp):
        yield from _operation(node)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _CONDITION.search(node.value):
        yield from _condition(node.value)
    else:
        yield from _bound(node)


def _bound(node: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Attribute) and re.fullmatch(r"limits\.\w+\.most", ast.unparse(node)):
        yield "one more", ast.BinOp(node, ast.Add(), ast.Constant(1))
    elif isinstance(node, ast.Subscript) and re.search(r"\[:[^:\]]+\]$", ast.unparse(node)):
        yield "without its bound", node.value


def _operation(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    one = isinstance(node.right, ast.Constant) and node.right.value == 1
    if isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.Sub)) or (one and isinstance(node.op, ast.Add)):
        yield "its left alone", node.left
    if isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        yield "its right alone", node.right


def _call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.func, ast.Name) and node.func.id in ("min", "max") and len(node.args) > 1:
        for each in node.args:
            yield ast.unparse(each), each
    elif isinstance(node.func, ast.Attribute) and node.func.attr in ("difference", "intersection"):
        yield "all of it", node.func.value


def _condition(text: str) -> Iterator[tuple[str, ast.AST]]:
    for clause in _CLAUSE.finditer(text):
        for what, word in (("always", f"OR {ALWAYS}"), ("never", f"AND {NEVER}")):
            broken = f"{text[: clause.start()]}({clause[0]} {word}){text[clause.end() :]}"
            yield f"{clause[0]} {what} holds", ast.Constant(broken)
