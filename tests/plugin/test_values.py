"""Digests of configured parameters: they are others when a value that a node reads is, and only then."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

import pytest

from kedro_aws_batch.graph.values import parameter_digests


class Held:
    """An object without a text of its own."""

    def __init__(self, value: Any) -> None:
        self.value = value


HOLDS_ITSELF = Held(None)
HOLDS_ITSELF.value = HOLDS_ITSELF

CONFIGURED = {"rate": 0.1, "split": {"seed": 1, "parts": [1, 2]}, "aws_batch": {"max_workers": 3}}
READ = ("params:rate", "params:split.seed", "params:split", "parameters", "companies")


def digests(change: dict[str, Any], given: dict[str, Any] | None = None) -> dict[str, str]:
    return parameter_digests({**CONFIGURED, **change}, READ, given or {})


@pytest.mark.parametrize(
    ("change", "differ"),
    [
        ({"rate": 0.2}, {"params:rate", "parameters"}),
        ({"rate": "0.1"}, {"params:rate", "parameters"}),
        ({"split": {"seed": 2, "parts": [1, 2]}}, {"params:split.seed", "params:split", "parameters"}),
        ({"split": {"parts": [1, 2], "seed": 1}}, set()),
        ({"split": None}, {"params:split.seed", "params:split", "parameters"}),
        ({"new": 1}, {"parameters"}),
        ({"aws_batch": {"max_workers": 4}}, set()),
    ],
)
def test_what_reads_a_value_has_another_digest_when_that_changes(change: dict[str, Any], differ: set[str]) -> None:
    before, after = digests({}), digests(change)
    assert before.keys() == after.keys() == set(READ) - {"companies"}
    assert {name for name in before if before[name] != after[name]} == differ


def test_what_a_run_s_own_parameters_set_is_left_out_of_it() -> None:
    given = {"split": {"seed": 3}, "unread": 3}
    changed = {"split": {"seed": 3, "parts": [1]}}
    before, same, other = digests({}, given), digests({"split": {"seed": 9, "parts": [1, 2]}}, given), digests(changed)
    assert before == same
    assert {name for name in before if before[name] != other[name]} >= {"params:split", "parameters"}


def test_a_run_s_id_and_date_are_left_out_of_it() -> None:
    def stamped(run_id: str) -> dict[str, str]:
        change = {"rate": f"{run_id} of {run_id[:10]}"}
        return parameter_digests({**CONFIGURED, **change}, READ, {}, (run_id, run_id[:10]))

    assert stamped("2026-11-22T13.11.00.123Z") == stamped("2026-11-23T13.11.00.999Z") != digests({})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (datetime.date(2026, 11, 27), datetime.date(2026, 11, 27), True),
        (datetime.date(2026, 11, 27), "2026-11-27", False),
        ({1: "a", "b": "c"}, {"b": "c", 1: "a"}, True),
        ({1: "a"}, {"1": "a"}, False),
        ({"x", "y"}, {"y", "x"}, True),
        (object(), object(), True),
        (int, float, False),
        (len, max, False),
        (pathlib.PurePath("a"), pathlib.PurePath("b"), False),
        (Held(1), Held(1), True),
        (Held(1), Held(2), False),
        (Held(Held(1)), Held(Held(2)), False),
        (HOLDS_ITSELF, HOLDS_ITSELF, True),
        (1, True, False),
        ("\ud800", "?", False),
    ],
)
def test_any_value_has_one_that_is_the_same_in_all_processes(one: Any, other: Any, same: bool) -> None:
    assert (digests({"rate": one}) == digests({"rate": other})) is same
