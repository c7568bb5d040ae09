"""The table of a report in a real Chromium: sorted, searched, and filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import runs
from .test_in_a_browser import column, search, sort, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browser import Page

    Open = Callable[..., Page]


def test_the_table_is_sorted_by_any_column_and_what_has_no_value_is_last(open_report: Open) -> None:
    page = open_report(runs.failed())
    assert sort(page, "Ran") == "ascending"
    up = column(page, 5)
    assert sort(page, "Ran") == "descending"
    assert (up[:4], column(page, 5)[:4]) == (["6.5 s", *["10.0 s"] * 3], [*["10.0 s"] * 3, "6.5 s"])
    assert (up[4:], column(page, 5)[4:]) == (["", ""], ["", ""])
    assert sort(page, "Status") == "ascending"
    assert column(page, 1) == ["FAILED", "FAILED", "SUCCEEDED", "SUCCEEDED", "CANCELLED", "SKIPPED"]
    assert sort(page, "Nodes") == "ascending"
    assert column(page, 2)[-1] == "report"


def test_a_search_goes_through_nodes_reasons_and_logs(open_report: Open) -> None:
    page = open_report(runs.failed())
    wanted = {
        "ingest": ["ingest.companies", "ingest.shuttles"],
        "SHUTTLES ingest": ["ingest.shuttles"],
        "outofmemory": [f"{runs.SCRIPT}.train"],
        "kedro/default/3": ["evaluate"],
        "nothing like it": [],
    }
    for words, found in wanted.items():
        search(page, words)
        assert (column(page, 2), page.run("chart.dataset.rows")) == (found, str(len(found)))
        assert texts(page, "#shown") == [f"{len(found)} of 6"]
    search(page, "")
    assert (len(column(page, 2)), page.run("chart.dataset.rows")) == (6, "6")


def test_a_status_and_the_critical_path_can_be_picked(open_report: Open) -> None:
    page = open_report(runs.failed())
    page.run("document.querySelector('[data-status=FAILED]').click()")
    page.settle()
    assert column(page, 1) == ["FAILED", "FAILED"]
    page.run("document.querySelector('[data-status=FAILED]').click()")
    page.run("document.querySelector('button[data-status=critical]').click()")
    page.settle()
    assert column(page, 2) == ["ingest.companies", f"{runs.SCRIPT}.train"]  # not what was cancelled after it
