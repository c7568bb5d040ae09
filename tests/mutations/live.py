"""Changes functions while they live: a mutant needs no import, and so no process of its own."""

from __future__ import annotations

import ast
import builtins
import gc
import types
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.mutations.guards import functions

#: A statement: the file and the line where it begins.
Place = tuple[str, int]
_HIT = "_mutations_hit"


def swap(path: str, tree: ast.Module, names: Sequence[str]) -> None:
    """Have functions of a file do as they do in a syntax tree."""
    codes = {(code.co_name, code.co_firstlineno): code for code in _codes(compile(tree, path, "exec"))}
    first = {name: min([node.lineno, *(each.lineno for each in node.decorator_list)]) for node, name in functions(tree)}
    wanted = {(name.rpartition(".")[2], first[name]) for name in names}
    for each in _living()[str(Path(path).resolve())]:
        at = (each.__code__.co_name, each.__code__.co_firstlineno)
        if at in wanted:
            each.__code__ = codes[at].replace(co_filename=each.__code__.co_filename)


@cache
def _living() -> Mapping[str, list[types.FunctionType]]:
    """Return all functions that live, by their files."""
    found: dict[str, list[types.FunctionType]] = defaultdict(list)
    resolve = cache(lambda name: str(Path(name).resolve()))
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType):
            found[resolve(each.__code__.co_filename)].append(each)
    return found


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from _codes(each)


def watch(paths: Sequence[str]) -> set[Place]:
    """Have all functions of files say which of their statements are reached; return the set that they fill."""
    places: set[Place] = set()
    setattr(builtins, _HIT, places.add)
    for path in paths:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        for function, _ in list(functions(tree)):
            _instrument(function, path)
        swap(path, ast.fix_missing_locations(tree), [name for _, name in functions(tree)])
    return places


def _instrument(function: ast.FunctionDef, path: str) -> None:
    for node in list(ast.walk(function)):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                setattr(node, field, [each for statement in block for each in (_hit(path, statement), statement)])


def _hit(path: str, statement: ast.stmt) -> ast.stmt:
    said = ast.parse(f"{_HIT}(({path!r}, {statement.lineno}))").body[0]
    for node in ast.walk(said):
        ast.copy_location(node, statement)
    return said
