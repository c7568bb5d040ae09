"""The mutants that are made of a file, and that they live."""

from __future__ import annotations

import argparse
import ast
import time
from collections import Counter
from pathlib import Path

import pytest

import runs.reading
from tests.mutations import __main__ as campaign
from tests.mutations.guards import Mutant, mutants
from tests.mutations.live import _living, swap, watch
from tests.mutations.survivors import reasons

GUARDED = """
def f(items, table):
    found: int | None = None

    def page(after: int | None) -> int | None:
        return after

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


def test_what_a_function_has_twice_is_told_apart() -> None:
    twice = "def f(a):\n    if a:\n        g(a)\n        g(a)\n"
    assert [mutant.what for mutant, _ in mutants(twice, "f.py")][-2:] == ["g(a) → dropped", "g(a) → dropped (2)"]


def test_every_reason_is_of_a_guard_that_there_is() -> None:
    for path, functions in reasons().items():
        made = mutants(Path(path).read_text(encoding="utf-8"), path)
        there = {(mutant.function, mutant.what) for mutant, _ in made}
        known = {(function, what) for function, reasons in functions.items() for what in reasons}
        assert known - there == set(), f"survivors.yml names what {path} does not have"
        assert all(reason for function in functions.values() for reason in function.values())


def test_a_survivor_without_a_reason_is_told_and_so_is_a_reason_without_a_survivor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, functions = next(iter(reasons().items()))
    function, known = next(iter(functions.items()))
    judged = Mutant(path, function, 1, 1, next(iter(known)))
    unjudged = Mutant("f.py", "f", 1, 1, "run → True")
    told = campaign.Campaign(argparse.Namespace(all=False))
    tally: Counter[str] = Counter()
    told._count(judged, "nobody", tally)
    told._count(unjudged, "a test", tally)
    assert (told.unjudged, capsys.readouterr().out) == (0, "")
    told._count(unjudged, "nobody", tally)
    told._count(judged, "a test", tally)
    assert (told.unjudged, tally) == (2, {"with a reason": 1, "noticed": 2, "nobody": 1})
    assert capsys.readouterr().out == f"{unjudged}: nobody\n{judged}: a test, so it needs no reason\n"


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
