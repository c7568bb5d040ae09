"""What a project's code mentions that may run while Kedro opens the project: all but what only its nodes call.

Sources are read, not run, and names are taken for what they say: a name that is mentioned may be called, whichever
function has it. So this finds too much rather than too little. But a function that is only given to `node()` isn't
called before the node runs, and most of a project's clocks and random numbers are in those.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

#: Functions that Kedro itself calls by their names.
_KEDRO_CALLS = ("register_pipelines", "create_pipeline")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Reached:
    """The code of some modules that may run while a project is opened.

    `roots` are the modules that are imported; further `modules` have what these may call. Raises a SyntaxError for
    a source that is no Python.
    """

    def __init__(self, roots: Iterable[str], modules: Iterable[str] = ()) -> None:
        self._functions: dict[str, list[ast.AST]] = defaultdict(list)
        #: Names in the modules → the words of what they were imported from, of which the first is its package.
        self._imported: dict[str, list[list[str]]] = defaultdict(list)
        self._words: set[str] = set()
        parsed = [ast.parse(source) for source in roots]
        for tree in (*parsed, *map(ast.parse, modules)):
            self._note(tree)
        #: Code that runs, and isn't read yet.
        self._to_read: list[ast.AST] = list(parsed)
        for name in _KEDRO_CALLS:
            self._reach(name)
        while self._to_read:
            self._read(self._to_read.pop())

    @property
    def words(self) -> set[str]:
        """Return each name that the code mentions, and for an imported one those of what it was imported from."""
        return self._words | {word for name in self._words for words in self._imported[name] for word in words}

    def packages(self) -> set[str]:
        """Return the packages from which it mentions anything; a dot stands for those of the same project."""
        return {words[0] for name in self._words for words in self._imported[name]}

    def _note(self, tree: ast.AST) -> None:
        """Note where functions, classes and imported names are."""
        for found in ast.walk(tree):
            if isinstance(found, (*_FUNCTIONS, ast.ClassDef)):
                self._functions[found.name].append(found)
            elif isinstance(found, ast.Import):
                for each in found.names:
                    self._imported[each.asname or each.name.partition(".")[0]].append(each.name.split("."))
            elif isinstance(found, ast.ImportFrom):
                source = ["."] if found.level else str(found.module).split(".")
                for each in found.names:
                    self._imported[each.asname or each.name].append([*source, each.name])

    def _reach(self, name: str) -> None:
        """Add a name, and the bodies of functions of that name; of a class, those of all of its methods."""
        if name in self._words:
            return
        self._words.add(name)
        for found in self._functions[name]:
            self._to_read += getattr(found, "body", ())
            if isinstance(found, ast.ClassDef):
                for each in found.body:
                    self._to_read += each.body if isinstance(each, _FUNCTIONS) else ()

    def _read(self, code: ast.AST) -> None:
        """Add what code mentions, without the bodies of functions, and without annotations."""
        if isinstance(code, ast.Name):
            self._reach(code.id)
        elif isinstance(code, ast.Attribute):
            self._reach(code.attr)
        self._to_read += _that_runs(code)


def _that_runs(code: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of code that run with it."""
    if isinstance(code, _FUNCTIONS):
        yield from (*code.decorator_list, *code.args.defaults, *(each for each in code.args.kw_defaults if each))
    elif isinstance(code, ast.AnnAssign):
        yield from (code.target, *([code.value] if code.value else ()))
    elif isinstance(code, ast.Call) and _makes_a_node(code.func):
        given = [*code.args[:1], *(each.value for each in code.keywords if each.arg == "func")]
        yield from (each for each in given if not _only_names(each))
        yield from (*code.args[1:], *(each.value for each in code.keywords if each.arg != "func"))
    else:
        yield from ast.iter_child_nodes(code)


def _only_names(function: ast.expr) -> bool:
    """Return whether an expression is a function, `train` or `nodes.train`, and calls nothing: not `Model().train`."""
    if isinstance(function, ast.Attribute):
        return _only_names(function.value)
    return isinstance(function, (ast.Name, ast.Lambda))


def _makes_a_node(function: ast.expr) -> bool:
    return (isinstance(function, ast.Name) and function.id in ("node", "Node")) or (
        isinstance(function, ast.Attribute) and function.attr in ("node", "Node")
    )
