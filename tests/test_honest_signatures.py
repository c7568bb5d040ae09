"""What a function is given has names: no tuple of unlike things, and no record of many fields by position."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.test_said_once import TREES

#: Fields from which on a record is built by keyword, two at its head aside.
MANY = 5


def unlike(annotation: ast.AST) -> Iterator[str]:
    """Yield the tuples of unlike things in an annotation; what a callable gives back is no parameter."""
    if isinstance(annotation, ast.Subscript):
        if ast.unparse(annotation.value) == "Callable":
            return
        if ast.unparse(annotation.value) == "tuple" and isinstance(annotation.slice, ast.Tuple):
            kinds = {ast.unparse(each) for each in annotation.slice.elts} - {"..."}
            if len(kinds) > 1:
                yield ast.unparse(annotation)
    for child in ast.iter_child_nodes(annotation):
        yield from unlike(child)


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for place, tree in TREES.items():
        yield from ((place, node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_no_parameter_is_a_tuple_of_unlike_things() -> None:
    found = [
        f"{place}: {function.name}({argument.arg}: {kind})"
        for place, function in functions()
        for argument in (*function.args.args, *function.args.kwonlyargs)
        if argument.annotation is not None
        for kind in unlike(argument.annotation)
    ]
    assert found == []


def records() -> dict[str, int]:
    """Return how many fields each record has, by its name."""
    found = {}
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and (
                any("dataclass" in ast.unparse(each) for each in node.decorator_list)
                or any(ast.unparse(each) == "NamedTuple" for each in node.bases)
            ):
                found[node.name] = sum(isinstance(each, ast.AnnAssign) for each in node.body)
    return found


def test_records_of_many_fields_are_built_by_keyword() -> None:
    many = {name for name, fields in records().items() if fields >= MANY}
    assert many
    found = [
        f"{place}:{node.lineno} {ast.unparse(node)}"
        for place, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in many
        if len(node.args) > 2
    ]
    assert found == []
