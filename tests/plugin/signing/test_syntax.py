"""When two pieces of source do the same: what may change, and what may not."""

from __future__ import annotations

import ast

import pytest

from kedro_aws_batch.graph.signing.slices import Slices
from kedro_aws_batch.graph.signing.syntax import normal


def told(source: str) -> str:
    return normal(ast.parse(source))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1  # one", "x = (\n    1)"),
        ("def f(a):\n    'Say.'\n    return a", "def f(a):\n    return a"),
        ("'Module.'\nx = 1", "x = 1"),
        ("class A:\n    'Say.'\n    x = 1", "class A:\n    x = 1"),
        ("def f(a):\n    b = a\n    return b", "def f(a):\n    c = a\n    return c"),
        ("def f(a):\n    for b in a:\n        print(b)", "def f(a):\n    for c in a:\n        print(c)"),
        ("def f(a):\n    b = 2\n    return [b * x for x in a]", "def f(a):\n    c = 2\n    return [c * x for x in a]"),
        ("def f(a):\n    b = 1\n    return lambda: b", "def f(a):\n    c = 1\n    return lambda: c"),
        (
            "class A:\n    def f(self):\n        b = 1\n        return b",
            "class A:\n    def f(self):\n        c = 1\n        return c",
        ),
    ],
)
def test_what_does_the_same_is_told_alike(one: str, other: str) -> None:
    assert told(one) == told(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("f(a, b)", "f(b, a)"),
        ("def f(a): return g(a=a)", "def f(b): return g(a=b)"),  # callers may name it
        ("def f(): return x", "def f(): return y"),
        # one local more or less, and whose value it is
        ("def f(a, b):\n    c = a\n    d = b\n    return c", "def f(a, b):\n    c = a\n    d = b\n    return d"),
        # the default is the global's value, whatever the local is called
        ("def f(a=x):\n    x = 1\n    return a", "def f(a=y):\n    y = 1\n    return a"),
        ("@x\ndef f():\n    x = 1", "@y\ndef f():\n    y = 1"),
        # in `g` it is the global
        (
            "def f():\n    def g(): return x\n    def h():\n        x = 1",
            "def f():\n    def g(): return y\n    def h():\n        y = 1",
        ),
        ("def f():\n    global x\n    x = 1", "def f():\n    global y\n    y = 1"),
        ("def f():\n    x = 1\n    return locals()", "def f():\n    y = 1\n    return locals()"),
        ("def f(a):\n    return [x for x in a] + [x]", "def f(a):\n    return [y for y in a] + [y]"),
        ("def f():\n    import x\n    return x", "def f():\n    import y\n    return y"),
        ("def f():\n    x = 1\n    class A:\n        x = x", "def f():\n    y = 1\n    class A:\n        y = y"),
        ("def f():\n    x = 1\n    return f'{x=}'", "def f():\n    y = 1\n    return f'{y=}'"),
        ("{**a}", "{None: a}"),
        ("def f():\n    'Say.'\n    return f.__doc__", "def f():\n    'Tell.'\n    return f.__doc__"),
        ("try:\n    f()\nexcept A:\n    g()", "try:\n    f()\nexcept B:\n    g()"),
        ("x[1:]", "x[:1]"),
        ("a < b < c", "a < b and b < c"),
    ],
)
def test_what_may_do_something_else_is_told_apart(one: str, other: str) -> None:
    assert told(one) != told(other)


MODULE = """
import logging
import numpy as np
from .helpers import help_me
RATE = 0.1
TWICE = RATE * 2
OTHER = 5
LOG = logging.getLogger("x")
TABLE = {}
TABLE["a"] = OTHER
def used(a): return a * TWICE
def unused(a): return help_me(a)
@wraps
def decorated(a): return a
def default(a=make()): return a
class A: pass
def f(a): return used(a)
"""


def kept(source: str, name: str) -> list[str]:
    tree = ast.parse(source)
    roots = [one for one in tree.body if getattr(one, "name", "") == name]
    slices = Slices(tree)
    every = {id(one) for one in [*slices.always, *slices.beyond(roots)]}
    return [ast.unparse(one).splitlines()[0] for one in tree.body if id(one) in every]


def test_of_a_module_counts_what_running_it_does_and_what_the_function_names() -> None:
    assert kept(MODULE, "f") == [
        "import logging",
        "RATE = 0.1",
        "TWICE = RATE * 2",
        "OTHER = 5",
        "LOG = logging.getLogger('x')",
        "TABLE = {}",
        "TABLE['a'] = OTHER",
        "def used(a):",
        "@wraps",
        "def default(a=make()):",
        "class A:",
        "def f(a):",
    ]


def test_where_names_are_made_as_it_runs_the_whole_module_counts() -> None:
    assert len(kept(MODULE + "\ndef g(name): return globals()[name]", "f")) == len(ast.parse(MODULE).body) + 1


def test_a_name_that_is_made_in_several_places_counts_with_all_of_them() -> None:
    source = "x = 1\nif y:\n    x = 2\ny = 0\ndef f(): return x\nx = 3"
    assert kept(source, "f") == ["x = 1", "if y:", "y = 0", "def f():", "x = 3"]
