"""The graph and the timeline's overview in a real Chromium. Screenshots are kept in `artefacts/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import runs
from .test_in_a_browser import column, middle, search, sound, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browser import Page

    Open = Callable[..., Page]

#: Stands in for Plotly where no timeline is looked at: its script alone takes a browser seconds.
NO_TIMELINE = "var Plotly = { react: async (chart) => { chart.on = () => {}; } };"
#: By their names, the numbers of keys.
KEYS = {"Tab": 9, "Enter": 13}
#: What is in sight of the graph.
SEEN = "[...document.querySelectorAll('#canvas .box')].filter(one => one.checkVisibility())"
#: Whether no box in sight lies on another.
APART = f"""(boxes => boxes.every((one, n) => boxes.slice(n + 1).every(other =>
  one.right <= other.left || other.right <= one.left || one.bottom <= other.top || other.bottom <= one.top)))
  ({SEEN}.map(one => one.getBoundingClientRect()))"""


def seen(page: Page) -> list[str]:
    return list(page.run(f"{SEEN}.map(one => one.querySelector('.name').textContent.trim())"))


def press(page: Page, key: str) -> None:
    for type_ in ("keyDown", "keyUp"):
        text = {"text": "\r"} if key == "Enter" and type_ == "keyDown" else {}
        page.call("Input.dispatchKeyEvent", type=type_, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **text)
    page.settle()


def reload(page: Page) -> None:
    """Load the page again, as `ui` does."""
    page.run("window.before = true; location.reload()")
    page.wait("!window.before && document.documentElement?.dataset.ready")


def test_a_small_graph_has_a_box_for_each_job_with_its_state_and_lines_of_its_critical_path(open_report: Open) -> None:
    page = open_report(runs.failed(), plotly=NO_TIMELINE)
    signs = "[...document.querySelectorAll('.job .sign')].map(one => `${one.textContent} ${one.ariaLabel}`)"
    assert sorted(page.run(signs)) == [
        *("– skipped", "⊘ cancelled", "✓ succeeded", "✓ succeeded", "✕ failed", "✕ failed"),
    ]
    assert (page.run("canvas.dataset.lines"), page.run(APART)) == ("6", True)
    assert "L" not in page.run("document.getElementById('lines').getAttribute('d')")  # none goes up
    assert page.run("document.getElementById('path').getAttribute('d').split('M').length - 1") == 1
    tops = "['0', '2', '5'].map(one => document.querySelector(`[data-job='${one}']`).getBoundingClientRect().top)"
    first, second, last = page.run(tops)
    assert first < second < last
    assert (page.run("window.caught"), sound(page)) == (None, True)


def test_a_click_on_a_job_leads_to_its_row_even_if_that_was_filtered_away_and_next_is_its_log(
    open_report: Open,
) -> None:
    page = open_report(runs.failed(), plotly=NO_TIMELINE)
    search(page, "shuttles")
    assert page.run("document.querySelectorAll('.job.dim').length") == 5
    page.run("graph.scrollIntoView()")
    page.settle()
    page.point(*middle(page, "document.querySelector('[data-job=\"2\"] .name')"), click=True)
    assert page.wait("document.querySelector('tr.found')?.id") == "g2"
    page.settle()
    assert page.run("(box => box.top >= 0 && box.bottom <= innerHeight)(g2.getBoundingClientRect())")
    assert (len(column(page, 2)), page.run("document.querySelectorAll('.dim').length")) == (6, 0)
    press(page, "Tab")
    assert page.run("document.activeElement.href") == "https://logs.example/2"
    assert page.run("document.querySelector('[data-job=\"2\"] .log').href") == "https://logs.example/2"
    assert sound(page)


def test_a_large_graph_unfolds_by_mouse_and_by_keyboard_and_folds_again(open_report: Open) -> None:
    page = open_report(runs.large(800), plotly=NO_TIMELINE)
    folded = seen(page)
    assert sorted(name.removeprefix("◆ ") for name in folded) == ["clean.tables", "features", "ingest", "train.models"]
    arrows = "document.getElementById('lines').getAttribute('d').split('L').length > 1"
    assert page.run(arrows)  # they wait for each other
    page.run("graph.scrollIntoView()")
    page.settle()
    page.point(*middle(page, "document.querySelector('summary')"), click=True)
    page.settle()
    unfolded = seen(page)
    assert (len(unfolded) > 12, any(name.endswith("step 1") for name in unfolded)) == (True, True)
    page.run("document.querySelector('details details summary').focus()")
    press(page, "Enter")
    unfolded = seen(page)
    assert sum("step_of_the_pipeline_" in name for name in unfolded) > 20
    assert page.run(APART)
    lines = page.run("canvas.dataset.lines")
    reload(page)
    assert (seen(page), page.run("canvas.dataset.lines")) == (unfolded, lines)
    page.run("document.getElementById('unfold-graph').click()")
    page.settle()
    assert (seen(page), page.complaints()) == (folded, [])


def test_800_jobs_are_drawn_in_a_second_folded_or_not_and_never_wider_than_the_window(open_report: Open) -> None:
    page = open_report(runs.large(800))
    drawn = "new Promise(done => new MutationObserver(done).observe(canvas, {attributeFilter: ['data-lines']}))"
    took = page.run(
        f"(async began => {{ document.getElementById('unfold-graph').click(); await {drawn};"
        " return performance.now() - began })(performance.now())"
    )
    assert took < 1500
    assert len(seen(page)) > 800
    assert page.run(APART)
    for width in (1280, 390):
        page.look(width, 800)
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run("drawing.scrollWidth <= drawing.clientWidth")
        page.run("graph.scrollIntoView()")
        page.settle()
        page.screenshot(f"unfolded-graph-{width}")
    assert sound(page)


def test_the_timeline_of_a_large_run_begins_with_an_overview_that_unfolds(open_report: Open) -> None:
    page = open_report(runs.large(800))
    names = "#chart .yaxislayer-above text"
    folded = texts(page, names)
    assert sorted(folded) == ["▸ clean.tables · 195", "▸ features · 208", "▸ ingest · 229", "▸ train.models · 168"]
    page.run("chart.emit('plotly_click', {points: [{customdata: -1}]})")
    page.settle()
    first = folded[0].removeprefix("▸ ")
    assert texts(page, names)[0] == f"▾ {first}"
    assert page.run("Number(chart.dataset.rows)") == 4 + int(first.rpartition(" ")[2])
    search(page, "pipeline_79")
    assert (page.run("chart.dataset.rows"), len(column(page, 2))) == ("11", 11)  # the jobs themselves
    reload(page)
    assert (page.run("search.value"), len(column(page, 2))) == ("pipeline_79", 11)
    search(page, "")
    assert texts(page, names)[0] == f"▾ {first}"
    page.run("document.getElementById('unfold-times').click()")
    page.settle()
    assert (texts(page, names), page.complaints()) == (folded, [])
