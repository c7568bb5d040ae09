"""That docs/performance.md says what was measured."""

from __future__ import annotations

import json

import pytest

from benchmarks import page, report


def test_the_pages_tables_are_those_of_the_results() -> None:
    text = page.PAGE.read_text(encoding="utf-8")

    assert text == page.filled(text), "Bring it up to date: .venv/bin/python -m benchmarks --page"
    assert text.count("<!-- table:") == text.count("<!-- end -->") >= 7


def test_a_table_shows_the_columns_that_it_names(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(page, "RESULTS", tmp_path)
    rows = [{"shape": "chain", "wait, s": 1234.5, "calls": 1000, "none": None}]
    (page.RESULTS / "some.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    before = "Text.\n<!-- table: some | shape | wait, s | none -->\nold\n<!-- end -->\nMore.\n"

    assert page.filled(before) == (
        "Text.\n<!-- table: some | shape | wait, s | none -->\n"
        "| shape | wait, s | none |\n| --- | --: | --: |\n| chain | 1,234 | – |\n<!-- end -->\nMore.\n"
    )


@pytest.mark.parametrize(
    ("cell", "text"), [(0.00453, "0.00453"), (1.0037, "1.004"), (10_002, "10,002"), (None, "–"), ("off", "off")]
)
def test_figures_are_as_exact_as_they_need_to_be(cell: report.Cell, text: str) -> None:
    assert report.as_text(cell) == text
