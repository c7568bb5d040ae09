"""The mutants that are made of a file, and that they live."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

import runs.reading
from tests.mutations import __main__ as campaign
from tests.mutations.guards import mutants
from tests.mutations.live import _living, swap, watch

GUARDED = """
def f(items, table):
    found: int | None = None
    if table and len(items) > 3:
        table.put(items[:3])
    try:
        return table.update(condition="#status = :running AND attribute_not_exists(closed)")
    except (KeyError, ValueError):
        raise
"""


def test_each_guard_of_a_file_is_broken_in_each_way() -> None:
    assert {mutant.what for mutant, _ in mutants(GUARDED, "f.py")} == {
        "table and len(items) > 3 → True",
        "table and len(items) > 3 → False",
        "table and len(items) > 3 → without table",
        "table and len(items) > 3 → without len(items) > 3",
        "len(items) > 3 → bound shifted",
        "except (KeyError, ValueError): → handles nothing",
        "except (KeyError, ValueError): → lets KeyError pass",
        "except (KeyError, ValueError): → lets ValueError pass",
        "table.put(items[:3]) → dropped",
        "items[:3] → without its bound",
        *(
            f"'#status = :running AND attribute_not_exists(closed)' → {clause} {how} holds"
            for clause in ("#status = :running", "attribute_not_exists(closed)")
            for how in ("always", "never")
        ),
        "raise → dropped",
    }


def test_the_file_is_whole_again_for_the_next_mutant() -> None:
    texts = [ast.unparse(tree) for _, tree in mutants(GUARDED, "f.py")]
    assert len(set(texts)) == len(texts)
    assert ast.unparse(ast.parse(GUARDED)) not in texts


def test_a_mutant_lives_in_every_module_that_has_the_function() -> None:
    path = str(Path(runs.reading.__file__))
    source = Path(path).read_text(encoding="utf-8")
    broken = next(tree for mutant, tree in mutants(source, path) if mutant.what == "not items → True")
    here = runs.reading.in_turn
    try:
        swap(path, broken, ["in_turn"])
        assert here([1, 2, 3], 0) == []
    finally:
        swap(path, ast.parse(source), ["in_turn"])
    assert sorted(here([1, 2, 3], 0)) == [1, 2, 3]


def test_what_is_reached_is_known_by_its_lines() -> None:
    path = str(Path(runs.reading.__file__))
    source = Path(path).read_text(encoding="utf-8")
    try:
        places = watch([path])
        runs.reading.in_turn([], 0)
        assert len(places) == 3  # the docstring, the question and its answer
    finally:
        tree = ast.parse(source)
        swap(path, tree, [node.name for node in tree.body if isinstance(node, ast.FunctionDef)])


def test_a_mutant_that_waits_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "_LONGEST", 1)

    def wait() -> str:
        campaign._allow(10)
        time.sleep(60)
        return "nobody"

    assert campaign._forked(wait) is None


@pytest.fixture(autouse=True)
def _unknown() -> None:
    """Have what lives be found anew, as other tests import more."""
    _living.cache_clear()
