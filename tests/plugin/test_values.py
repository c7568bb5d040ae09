"""Digests of configured parameters: they are others when a value that a node reads is, and only then."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from kedro_aws_batch.graph.values import parameter_digests

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


def test_what_a_run_s_own_parameters_concern_has_none() -> None:
    assert digests({}, {"split": {"seed": 3}}).keys() == {"params:rate"}
    assert digests({}, {"unread": 3}).keys() == {"params:rate", "params:split.seed", "params:split"}


def test_a_value_that_json_does_not_know_has_one_too() -> None:
    day = datetime.date(2026, 11, 27)
    assert digests({"rate": day}) == digests({"rate": datetime.date(2026, 11, 27)})
    assert digests({"rate": day}) != digests({"rate": "2026-11-27"})
