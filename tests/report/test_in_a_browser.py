"""The report in a real Chromium. Screenshots are kept in `artefacts/`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.container.usage import Used
from kedro_aws_batch.prices import Prices
from kedro_aws_batch.report.content import content
from kedro_aws_batch.report.measured import Measured

from . import runs, warm

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browser import Page

    Open = Callable[..., Page]

ROOT = Path(__file__).parents[2]
#: `make` installs it apart from the installed Plotly.
OLDEST_PLOTLY = ROOT / ".venv/plotly/plotly/package_data/plotly.min.js"
LOOKS = [(1280, 900, "light"), (1280, 900, "dark"), (400, 800, "light"), (400, 800, "dark")]
#: A colour, which CSS names.
COLOUR = """(name => { const probe = document.createElement('i'); document.body.append(probe);
  probe.style.color = `var(--${name})`; const colour = getComputedStyle(probe).color;
  probe.remove(); return colour })"""
#: The bars of a colour, which CSS names, as Plotly drew them.
BARS = """(name => { const probe = document.createElement('i'); document.body.append(probe);
  probe.style.color = `var(--${name})`; const colour = getComputedStyle(probe).color; probe.remove();
  return [...document.querySelectorAll('#chart .bars .point path')]
    .filter(bar => getComputedStyle(bar).fill === colour).length })"""


def texts(page: Page, selector: str) -> list[str]:
    found = f"[...document.querySelectorAll({json.dumps(selector)})]"
    return list(page.run(f"{found}.map(one => (one.innerText ?? one.textContent).trim())"))  # SVG has no innerText


def column(page: Page, number: int) -> list[str]:
    """Return a column of the table, without rows that are filtered away."""
    return texts(page, f"tbody tr:not([hidden]) td:nth-child({number})")


def search(page: Page, words: str) -> None:
    page.run(f"search.value = {json.dumps(words)}; search.dispatchEvent(new Event('input'))")
    page.settle()


def sort(page: Page, name: str) -> str:
    """Click a column's head and return how the table is sorted now."""
    head = f"[...document.querySelectorAll('th')].find(one => one.innerText.startsWith({json.dumps(name)}))"
    page.run(f"{head}.firstElementChild.click()")
    return str(page.run(f"{head}.ariaSort"))


def middle(page: Page, script: str) -> tuple[float, float]:
    """Return where on the screen the middle of an element is."""
    box = page.run(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({script}.getBoundingClientRect())")
    return box[0], box[1]


def hover(page: Page, script: str) -> str:
    """Point at an element of the timeline, and return the text that appears."""
    page.run("scroller.scrollIntoView({block: 'center'})")
    page.settle()
    page.point(*middle(page, script))
    return str(page.wait("document.querySelector('#chart .hoverlayer .hovertext')?.textContent"))


def keep(page: Page, name: str) -> None:
    """Save screenshots of the top, and of the timeline with the table, in all looks."""
    for width, height, scheme in LOOKS:
        page.look(width, height, scheme)
        page.run("scrollTo(0, 0)")
        page.settle()
        page.screenshot(f"{name}-{width}-{scheme}")
        page.run("jobs.scrollIntoView()")
        page.settle()
        page.screenshot(f"{name}-{width}-{scheme}-jobs")
    page.look(1280, 900)


def sound(page: Page) -> bool:
    """Whether the page ran without a complaint and asked for nothing but itself."""
    assert page.complaints() == []
    return len(page.requested()) == 1 and page.requested()[0].startswith("file:")


def test_the_report_of_a_run_that_succeeded_has_its_bars_figures_and_critical_path(open_report: Open) -> None:
    page = open_report(runs.succeeded())
    assert [page.run(f"{BARS}({json.dumps(kind)})") for kind in ("waiting", "starting", "succeeded")] == [4, 4, 4]
    assert texts(page, "#chart .yaxislayer-above text") == [
        "◆ ingest.companies",
        "features.scale",
        "◆ features.encode +1",
        "◆ train",
    ]
    assert column(page, 2) == ["ingest.companies", "features.scale", "features.encode\nfeatures.join", "train"]
    assert texts(page, ".badge") == ["SUCCEEDED"]
    keep(page, "succeeded")
    assert sound(page)


def test_the_report_of_a_run_whose_containers_carried_on_draws_their_starts_once_and_has_their_rows(
    open_report: Open,
) -> None:
    page = open_report(warm.shared())
    assert page.run(f"{BARS}('starting')") == 2
    assert texts(page, "#containers .nodes") == ["node_0, node_1, node_3", "node_2"]
    assert page.run("document.querySelector('#containers .when').offsetWidth") > 200
    assert texts(page, "#jobs h2") == ["Nodes"]
    assert texts(page, "#jobs .legend .key")[-1] == "a container carried on with it"
    marks = '#chart .scatterlayer .point[role=img][aria-label="A container carried on with it"]'
    for scheme in ("light", "dark"):
        page.look(1280, 900, scheme)
        page.settle()
        colours = f"(one => [one.fill, one.stroke])(getComputedStyle(document.querySelector({json.dumps(marks)})))"
        fill, line = page.run(colours)
        assert (fill, line) == (page.run(f"{COLOUR}('text')"), page.run(f"{COLOUR}('ground')"))
        assert page.run(f"document.querySelectorAll({json.dumps(marks)}).length") == 2
    assert "carried on in container 1" in hover(page, f"document.querySelector({json.dumps(marks)})")
    keep(page, "warm")
    assert sound(page)


def test_a_failure_of_what_a_container_carried_on_with_has_both_marks_and_others_have_none(open_report: Open) -> None:
    state = warm.shared()
    failed = replace(state.groups[3], status="FAILED")
    page = open_report(replace(state, status="FAILED", groups=(*state.groups[:3], failed)))
    named = "[...document.querySelectorAll('#chart .scatterlayer .point')].map(one => one.ariaLabel)"
    assert page.run(named) == [None, "A container carried on with it", "A container carried on with it"]
    assert sound(page)
    page = open_report(runs.succeeded())
    assert "a container carried on with it" not in texts(page, "#jobs .legend .key")
    assert page.run(named) == []


def test_the_report_of_a_run_that_failed_shows_red_and_says_why(open_report: Open) -> None:
    page = open_report(runs.failed())
    assert page.run(f"{BARS}('failed')") == 1
    assert page.run("document.querySelectorAll('#chart .scatterlayer .point').length") == 2  # one never had a container
    why = "OutOfMemoryError: " + runs.IMAGE + " container killed due to memory usage (exit code 137)"
    assert why in texts(page, "#failures li")[0]
    told = hover(page, "document.querySelector('#chart .scatterlayer .point')")
    assert ("FAILED" in told, "OutOfMemoryError" in told, "kedro/default/2" in told) == (True, True, True)
    lines = page.run("document.querySelectorAll('#chart .hoverlayer .hovertext tspan.line').length")
    assert (
        lines,
        page.run("[...document.querySelectorAll('#chart .hovertext tspan.line')].every(one => one.textContent.trim())"),
    ) == (7, True)
    page.screenshot("failed-hover")
    keep(page, "failed")
    assert sound(page)


def drawn(page: Page) -> dict[str, Any]:
    """Return the timeline of a failed run."""
    kinds = ("waiting", "starting", "succeeded", "failed", "cancelled")
    return {
        "bars": {kind: page.run(f"{BARS}({json.dumps(kind)})") for kind in kinds},
        "crosses": page.run("document.querySelectorAll('#chart .scatterlayer .point').length"),
        "names": texts(page, "#chart .yaxislayer-above text"),
        "times": texts(page, "#chart .xaxislayer-above text"),
        "told": hover(page, "document.querySelector('#chart .scatterlayer .point')"),
    }


def test_the_oldest_plotly_that_may_be_installed_draws_the_same(open_report: Open) -> None:
    """kedro-datasets takes none from 6 on, so in many projects Plotly is 5."""
    new = open_report(runs.failed())
    shown = drawn(new)
    old = open_report(runs.failed(), plotly=OLDEST_PLOTLY.read_text(encoding="utf-8"))
    versions = [page.run("Plotly.version.split('.')[0]") for page in (new, old)]
    assert versions[0] > versions[1] == "2"  # of plotly.js: Plotly 5 has 2
    assert drawn(old) == shown
    assert (shown["bars"]["failed"], shown["crosses"]) == (1, 2)
    keep(old, "plotly-5")
    assert sound(old)


def test_the_oldest_plotly_is_the_one_that_the_extra_names() -> None:
    extra = re.search(r'"plotly>=(.+?)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert extra is not None
    assert (ROOT / "tests/report/plotly.txt").read_text(encoding="utf-8") == f"plotly=={extra[1]}\n"


def test_what_jobs_used_of_what_they_asked_for_is_beside_it(open_report: Open) -> None:
    used = {0: Used(512, 9.0, 10.0), 2: Used(1946, 2.5, 50.0)}
    page = open_report(runs.succeeded(), Measured(used, looked_at=4, unread="<b>x</b>"))
    heads = texts(page, "th")
    assert heads[7:11] == ["vCPUs", "Busy", "MiB", "Used"]
    assert column(page, 9) == ["0.9 (90%)", "", "0.1 (5%)", ""]
    assert column(page, 11) == ["512 (25%)", "", "1,946 (95%)", ""]
    assert sort(page, "Used") == "ascending"
    assert sort(page, "Used") == "descending"
    assert column(page, 11) == ["1,946 (95%)", "512 (25%)", "", ""]
    assert texts(page, "#unmeasured") == ["Usage is not known: <b>x</b>"]
    assert "used 512 of 2,048 MiB, 0.9 of 1 vCPUs" in hover(
        page, "document.querySelectorAll('#chart .trace.bars')[2].querySelector('.point path')"
    )
    page.run("scrollTo(0, 0)")
    keep(page, "measured")
    assert sound(page)


def test_an_attempt_that_batch_repeated_has_a_bar_of_its_own(open_report: Open) -> None:
    tries = [{"started_at": runs.START + 1_000, "ended_at": runs.START + 2_500}]
    page = open_report(runs.run([runs.group(0, batch_attempts=tries), runs.group(1, 0)]))
    assert [page.run(f"{BARS}({json.dumps(kind)})") for kind in ("again", "starting", "succeeded")] == [1, 2, 2]
    assert column(page, 4) == ["1.5 s", "3.0 s"]
    assert sound(page)
    page.screenshot("repeated")


def test_what_others_wrote_is_shown_as_they_wrote_it_and_never_run(open_report: Open) -> None:
    page = open_report(runs.failed())
    named = f"{runs.SCRIPT}.train"
    assert named in column(page, 2)
    assert f"◆ {named}" in texts(page, "#chart .yaxislayer-above text")
    assert named in hover(page, "document.querySelector('#chart .scatterlayer .point')")
    assert texts(page, ".project") == [runs.SCRIPT]
    assert runs.SCRIPT in texts(page, "#facts dl")[0]
    elements = "document.querySelectorAll('main img, main script, header img, header script').length"
    assert (page.run("window.caught"), page.run(elements)) == (None, 0)
    assert sound(page)


def test_a_script_that_got_into_the_page_after_all_would_not_run(open_report: Open) -> None:
    page = open_report(runs.succeeded())
    harm = "<img src=data: onerror=window.caught=1><b onclick=window.caught=1>b</b>"
    page.run(f"document.body.insertAdjacentHTML('beforeend', '{harm}')")
    page.run("document.querySelector('b').click()")
    page.run("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.caught=1'}))")
    page.settle()
    assert page.run("window.caught") is None


def test_a_click_on_a_bar_finds_its_row(open_report: Open) -> None:
    page = open_report(runs.large(60))
    width = "getBoundingClientRect().width"
    bars = "[...document.querySelectorAll('#chart .trace.bars')].at(2) ?? document"
    bar = f"[...({bars}).querySelectorAll('.point path')].slice(0, 15).sort((a, b) => b.{width} - a.{width})[0]"
    hover(page, bar)
    page.point(*middle(page, bar), click=True)
    found = page.wait("document.querySelector('tr.found')?.id")
    assert page.run(f"(box => box.top >= 0 && box.bottom <= innerHeight)({found}.getBoundingClientRect())")


def test_dragging_zooms_into_the_time_and_scrolling_keeps_the_zoom(open_report: Open) -> None:
    page = open_report(runs.large(60))
    whole = page.run("chart.layout.xaxis.range.map(Number)")
    page.run("scroller.scrollIntoView({block: 'center'})")
    x, y = middle(page, "document.querySelector('#chart .draglayer .nsewdrag')")
    page.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    for step in (40, 80, 120):
        page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + step, y=y, button="left")
    page.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + 120, y=y, button="left", clickCount=1)
    page.settle()
    span: Any = "(range => new Date(range[1]) - new Date(range[0]))(chart._fullLayout.xaxis.range)"
    zoomed = page.run(span)
    page.run("scroller.scrollTop = 600")
    page.settle()
    assert (page.run(span), zoomed < (whole[1] - whole[0]) / 4) == (zoomed, True)


def test_the_report_of_800_jobs_stays_usable(open_report: Open) -> None:
    state = runs.large(800)
    page = open_report(state)
    assert len(column(page, 2)) == 800
    page.run("document.getElementById('unfold-times').click()")
    page.settle()
    labels = texts(page, "#chart .yaxislayer-above text")
    assert 15 <= len(labels) <= 60  # those in sight, and large enough to be read
    page.run("scroller.scrollTop = scroller.scrollHeight")
    page.settle()
    last = texts(page, "#chart .yaxislayer-above text")
    name = content(state, Prices(), lambda _: None).drawing()["rows"][-1]["name"]
    assert (last[-1].removeprefix("◆ ") == name, set(last) & set(labels)) == (True, set())
    assert page.run("document.querySelectorAll('#chart .bars .point').length") >= len(last)
    drawn = "new Promise(done => chart.once('plotly_afterplot', done))"
    took = page.run(
        f"(async (began) => {{ scroller.scrollTop = 4000; await {drawn}; return performance.now() - began }})"
        "(performance.now())"
    )
    assert took < 1000
    search(page, "step_of_the_pipeline_799")
    assert (len(column(page, 2)), page.run("chart.dataset.rows")) == (1, "1")
    search(page, "")
    keep(page, "large")
    assert sound(page)


def test_a_run_that_goes_on_is_shown_up_to_now(open_report: Open) -> None:
    page = open_report(runs.going_on())
    assert [page.run(f"{BARS}({json.dumps(kind)})") for kind in ("waiting", "starting", "running", "succeeded")] == [
        4,
        3,
        1,
        1,
    ]
    assert "As it was at 2026-11-22 13:11:40 UTC" in texts(page, "header")[0]
    keep(page, "going-on")
    assert sound(page)


def test_a_run_of_which_nothing_ran_is_a_page_too(open_report: Open) -> None:
    page = open_report(
        runs.run([runs.group(0, status="SKIPPED", **runs.NEVER)], status="CANCELLED", ended_at=runs.START + 1)
    )
    assert column(page, 1) == ["SKIPPED"]
    assert sound(page)


def test_a_run_that_reuses_all_says_so_and_shows_no_empty_timeline_and_table(open_report: Open) -> None:
    page = open_report(runs.idle())
    assert texts(page, ".figure strong") == ["0.1 s", "Nothing to do", "16 nodes"]
    assert texts(page, ".figure small")[-1] == "of 2 runs, the newest 2026-11-21T09.00.00.000Z, which took 24.8 s"
    assert texts(page, "section h2") == ["Reused nodes", "The run's request"]
    assert sound(page)


def test_reused_nodes_have_a_table_of_their_own_beside_what_ran(open_report: Open) -> None:
    made = [
        runs.reused("ingest.raw", "2026-11-21T09.00.00.000Z"),
        runs.reused("clean", "2026-11-20T09.00.00.000Z", None),
    ]
    told = {"from": None, "runs": {"2026-11-21T09.00.00.000Z": 1, "2026-11-20T09.00.00.000Z": 1}, "reused_total": 3}
    page = open_report(runs.run([runs.group(0), runs.group(1, 0)], resumed=told, reused_nodes=made))
    assert texts(page, "#reused tbody td") == [
        *("ingest.raw", "2026-11-21T09.00.00.000Z", "2026-11-21 13:11:00 UTC", "1.5 s"),
        *("clean", "2026-11-20T09.00.00.000Z", "", ""),
    ]
    assert texts(page, "#reused > p:last-child") == ["And 1 more."]
    assert texts(page, "#jobs tbody td:nth-child(2)") == ["node_0", "node_1"]
    assert texts(page, "#graph .note a[href='#reused']") == ["reused"]
    assert page.run("document.querySelectorAll('#drawing .box').length") == 2
    assert sort(page, "Nodes") == "ascending"
    assert sound(page)
    keep(page, "reused")


def test_the_page_is_no_wider_than_a_narrow_window(open_report: Open) -> None:
    page = open_report(runs.failed())
    page.look(400, 800)
    assert page.run("document.documentElement.scrollWidth") <= 400


def test_the_critical_path_is_marked_and_reasons_and_logs_are_in_sight_however_wide_the_window(
    open_report: Open,
) -> None:
    page = open_report(runs.failed(), Measured({0: Used(2000, 10.0, 10.0)}, looked_at=1))
    edge = "document.querySelector('#table').getBoundingClientRect().right"
    for cell in ("td.why", "td.stream a"):
        found = f"document.querySelector('tr[data-status=FAILED] {cell}')"
        assert page.run(f"{found}.getBoundingClientRect().right <= {edge}")
    assert page.run("document.querySelector('#g2 td.stream a').title") == "kedro/default/2"
    for width in (1280, 400):
        page.look(width, 800)
        labels = "[...document.querySelectorAll('#chart .yaxislayer-above text')]"
        inside = f"{labels}.map(one => one.getBoundingClientRect().left)"
        left = page.run("chart.getBoundingClientRect().left")
        assert min(page.run(inside)) >= left
        assert sum(label.startswith("◆ ") for label in texts(page, "#chart .yaxislayer-above text")) == 2


def test_a_split_node_is_one_bar_that_unfolds(open_report: Open) -> None:
    slices = [runs.group(one, 0, nodes=["clean"], depth=1, slice={"number": one, "into": 3}) for one in (1, 2, 3)]
    page = open_report(runs.run([runs.group(0), *slices, runs.group(4, 1, 2, 3)]))
    folded = ["◆ node_0", "▸ clean", "◆ node_4"]
    names = "#chart .yaxislayer-above text"
    assert (texts(page, names), page.run("chart.dataset.rows")) == (folded, "3")
    assert page.run(f"{BARS}('succeeded')") == 3
    page.run("chart.emit('plotly_click', {points: [{customdata: -1}]})")
    page.settle()
    assert [name.removeprefix("◆ ") for name in texts(page, names)] == [
        *("node_0", "▾ clean", "clean[1/3]", "clean[2/3]", "clean[3/3]", "node_4"),
    ]
    search(page, "clean[2/3]")
    assert [name.removeprefix("◆ ") for name in texts(page, names)] == ["▾ clean", "clean[2/3]"]
    search(page, "")
    page.run("chart.emit('plotly_click', {points: [{customdata: -1}]})")
    page.settle()
    assert (texts(page, names), column(page, 2)[1]) == (folded, "clean[1/3]")
    assert sound(page)
