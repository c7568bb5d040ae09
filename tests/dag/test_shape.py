"""Runtime parameters for which a graph holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dag.errors import ShapeMismatchError
from dag.shape import fingerprint, given, refuse_another_shape


def test_a_name_that_leads_through_no_mapping_has_no_value() -> None:
    params = {"a": {"b": 1}, "text": "part"}
    assert [given(params, name) for name in ("a.b", "a.c", "a.b.c", "text.part", "c")] == [1, None, None, None, None]


def test_a_fingerprint_stays_the_same_since_documents_hold_it() -> None:
    assert fingerprint({"b": 1, "a": "x"}) == fingerprint({"a": "x", "b": 1}) == "385820f0096fd558"
    assert fingerprint(None) is None


def test_another_value_is_refused_with_what_to_do_about_it() -> None:
    shaped = {"model.kind": (None, fingerprint("small"))}
    held: tuple[Mapping[str, Any], ...] = ({}, {"model": {}}, {"model": {"kind": "small"}})
    for params in held:
        refuse_another_shape(shaped, params)
    with pytest.raises(ShapeMismatchError, match=r"'model.kind' changes .* Leave it out, or deploy"):
        refuse_another_shape(shaped, {"model": {"kind": "large"}})
    with pytest.raises(ShapeMismatchError, match=r"Give it the value that the graph was compiled with, or deploy"):
        refuse_another_shape({"model.kind": (fingerprint("small"),)}, {})
