"""What functions of every kind are known by, and which can't be told."""

from __future__ import annotations

import importlib
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.graph.signing.functions import UntoldError, recognise
from kedro_aws_batch.graph.signing.modules import Modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Package(tmp_path)
    yield made
    made.forget()


class Package:
    """A package of one project, written anew as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "made"
        self.folder.mkdir()

    def forget(self) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "made"]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def write(self, **modules: str) -> None:
        self.forget()
        (self.folder / "__init__.py").touch()
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(textwrap.dedent(source))

    def of(self, what: str = "f") -> Any:
        return getattr(importlib.import_module("made.nodes"), what)

    def signature(self, what: str = "f") -> tuple[str, dict[str, str]]:
        modules = Modules("made")
        found = recognise(self.of(what), modules)
        code = modules.code(found.modules, found.functions)
        return found.text, {**code.own, **code.parts}


def both(package: Package, one: str, other: str, **more: str) -> bool:
    """Whether `f` of two modules is the same."""
    signatures = []
    for source in (one, other):
        package.write(nodes=source, **more)
        signatures.append(package.signature())
    return signatures[0] == signatures[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x): return x\ndef g(x): return 1", "def f(x): return x\ndef g(x): return 2"),
        ("def f(x): return x", "\n\n# moved\ndef f(x):\n    'Say.'\n    return x"),
        ("f = lambda x: x + 1", "g = lambda x: x + 2\nf = lambda x: x + 1"),
    ],
)
def test_what_is_of_another_function_makes_no_difference(package: Package, one: str, other: str) -> None:
    assert both(package, one, other)


PARTIAL = "from functools import partial\ndef g(x, y=0): return 1\nf = partial(g, y=1)"
CACHED = "from functools import lru_cache\n@lru_cache\ndef f(x): return 1"
CALLED = "class A:\n    def __init__(self, n): self.n = n\n    def __call__(self, x): return self.n\nf = A(1)"
DISPATCHED = """
from functools import singledispatch
@singledispatch
def f(x): return 1
@f.register
def _(x: int): return 2
"""


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        ("def f(x): return x + 1", "1", "2"),
        ("A = 1\ndef f(x): return x + A", "1", "2"),
        ("def g(x): return 1\ndef f(x): return g(x)", "1", "2"),
        ("f = lambda x: x + 1", "1", "2"),
        ("def m(n):\n    def f(x): return x + n\n    return f\nf = m(1)", "m(1)", "m(2)"),
        ("def m(n):\n    return lambda x, n=n: n\nf = m(1)", "m(1)", "m(2)"),
        (PARTIAL, "y=1", "y=2"),
        (PARTIAL, "y=1", "y=1.0"),
        (PARTIAL, "y=1", "y=[1]"),
        (PARTIAL, "y=1", "y=len"),
        (PARTIAL, "return 1", "return 2"),
        (CACHED, "return 1", "return 2"),
        (CALLED, "A(1)", "A(2)"),
        (CALLED, "self.n\nf", "-self.n\nf"),
        ("class A:\n    def g(self, x): return 1\nf = A().g", "1", "2"),
        (DISPATCHED, "return 1", "return 3"),
        (DISPATCHED, "return 2", "return 3"),
        ("from .decorators import twice\n@twice\ndef f(x): return 1", "1", "2"),
    ],
)
def test_what_a_function_does_or_holds_makes_a_difference(package: Package, source: str, old: str, new: str) -> None:
    assert old in source
    assert not both(package, source, source.replace(old, new), decorators=DECORATORS)


DECORATORS = """
import functools
def twice(f):
    @functools.wraps(f)
    def wrapper(*args): return f(*args) * 2
    return wrapper
"""


@pytest.mark.parametrize(
    "imported", ["from .a import a", "from . import a as a", "import made.a as a", "from .a import *"]
)
def test_a_helper_two_modules_away_makes_a_difference_and_is_named(package: Package, imported: str) -> None:
    nodes = f"{imported}\ndef f(x): return a(x)"
    parts = []
    for number in (1, 2):
        package.write(nodes=nodes, a="from .b import b\ndef a(x): return b(x)", b=f"def b(x): return {number}")
        parts.append(package.signature()[1])
    assert {name for name in parts[0] if parts[0][name] != parts[1].get(name)} == {"code of made/b.py"}


def test_a_decorators_module_makes_a_difference(package: Package) -> None:
    nodes, signatures = "from .decorators import twice\n@twice\ndef f(x): return 1", []
    for times in (2, 3):
        package.write(nodes=nodes, decorators=DECORATORS.replace("* 2", f"* {times}"))
        signatures.append(package.signature())
    assert signatures[0] != signatures[1]


def test_a_module_that_is_imported_for_another_function_counts_by_what_importing_it_does(package: Package) -> None:
    nodes = "from .other import g\ndef f(x): return x\ndef h(x): return g(x)"
    parts = []
    for other in ("def g(x): return 1", "def g(x): return 2", "import json\ndef g(x): return 2\njson.x = 1"):
        package.write(nodes=nodes, other=other)
        parts.append(package.signature()[1])
    assert parts[0] == parts[1]
    assert parts[2].keys() - parts[1].keys() == {"what importing made/other.py does"}


def test_a_package_above_that_makes_pipelines_makes_no_difference(package: Package) -> None:
    """Kedro's template has `__init__.py` import the module that makes the pipeline, and that one the functions."""
    parts = []
    for name in ("one", "two"):
        package.write(
            nodes="def f(x): return x\ndef g(x): return x",
            pipeline="from kedro.pipeline import node\nfrom .nodes import f, g\n"
            f"def create_pipeline(): return [node(f, 'a', '{name}')]",
            __init__="from .pipeline import create_pipeline",
        )
        parts.append(package.signature()[1])
    assert parts[0] == parts[1]


@pytest.mark.parametrize(
    "nodes",
    [
        "import importlib\ndef f(x): return importlib.import_module('made.' + x).g()",
        "from importlib import import_module as load\ndef f(x): return load('made.' + x).g()",
        "from kedro.utils import load_obj\ndef f(x): return load_obj(x, 'made')()",
        "import pkgutil\ndef f(x): return pkgutil.resolve_name(x)()",
        "import pydoc\ndef f(x): return pydoc.locate(x)()",
        "import runpy\ndef f(x): return runpy.run_path(x)['g']()",
        "from runpy import run_module as run\ndef f(x): return run(x)['g']()",
        "from importlib.machinery import SourceFileLoader\ndef f(x): return SourceFileLoader('a', x).load_module()",
        "from importlib import util\ndef f(x): return util.spec_from_file_location('a', x).loader",
    ],
)
def test_code_that_imports_by_a_computed_name_counts_all_of_the_package(package: Package, nodes: str) -> None:
    signatures = []
    for number in (1, 2):
        package.write(nodes=nodes, other=f"def g(): return {number}")
        signatures.append(package.signature())
    assert signatures[0] != signatures[1]


def test_code_that_reads_files_of_its_package_counts_those(package: Package) -> None:
    nodes, signatures = "from pathlib import Path\ndef f(x): return (Path(__file__).parent / 'q.sql').read_text()", []
    for query in ("select 1", "select 2"):
        package.write(nodes=nodes)
        (package.folder / "q.sql").write_text(query)
        signatures.append(package.signature())
    assert signatures[0] != signatures[1]


def test_versions_of_what_a_function_uses_count_and_of_nothing_else(package: Package) -> None:
    package.write(nodes="import yaml\nimport jinja2\ndef f(x): return yaml.load(x)")
    parts = package.signature()[1]
    assert {"version of Python", "version of pyyaml", "version of jinja2", "version of markupsafe"} <= parts.keys()
    assert "version of pandas" not in parts


@pytest.mark.parametrize("what", ["sorted", "math.sqrt", "yaml.safe_load", "functools.partial(sorted, reverse=True)"])
def test_functions_of_python_and_of_installed_packages_are_known(package: Package, what: str) -> None:
    package.write(nodes=f"import math, yaml, functools\nf = {what}")
    assert package.signature() == package.signature()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("exec('def f(x): return x')", "was made while the program ran"),
        ("f, g = (lambda x: 1), (lambda x: 2)", "makes more than one '<lambda>'"),
        (
            "import threading\ndef m(n): return lambda x: n\nf = m(threading.Lock())",
            "it holds a _thread.lock, whose state",
        ),
        ("import functools\nf = functools.partial(print, iter([1]))", "it holds a builtins.list_iterator, whose state"),
        (
            "def m():\n    class A:\n        def __call__(self, x): return x\n    return A()\nf = m()",
            "was made by a function",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(package: Package, source: str, why: str) -> None:
    package.write(nodes=source)
    with pytest.raises(UntoldError, match=why):
        package.signature()
