"""`kedro aws-batch report` of ended local runs: it needs only what `run --local` saves of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.kept.logs import log_name
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.kept.runs import save_run
from tests.plugin.commands import call
from tests.plugin.project import CONFIGURATION, REMOTE_CHAIN, Sources, write_project

from . import runs

if TYPE_CHECKING:
    from pathlib import Path


USED = "Used: 412 MiB of memory at most, 31.5 s of CPU in 34.2 s."


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_it_was: None) -> Path:  # noqa: ARG001  (for what it does)
    """A project with its own prices, and two local runs, the later of which failed."""
    prices = {"rates": "fargate-arm64", "spot_factor": 0.3}
    made = write_project(tmp_path, Sources(catalog=REMOTE_CHAIN, configuration={**CONFIGURATION, "prices": prices}))
    earlier = runs.run([runs.group(0)], run_id="2026-11-21T00.00.00.000Z")
    for run in (earlier, runs.failed()):
        save_run(made, run)
    log = folder(made) / "logs" / runs.failed().run_id / log_name(runs.failed().groups[0])
    log.parent.mkdir(parents=True)
    log.write_text(f"hello\n{USED}\n", encoding="utf-8")
    monkeypatch.chdir(made)
    return made


def test_the_report_of_the_latest_local_run_is_written_and_said(project: Path) -> None:
    result = call("report", "--local")
    name = "kedro-run-2026-11-22T13.11.00.000Z.html"
    assert (result.exit_code, result.output) == (0, f"Report of run 2026-11-22T13.11.00.000Z (FAILED): {name}\n")
    page = (project / name).read_text(encoding="utf-8")
    assert "A local run. The costs are what the same seconds would cost on AWS." in page
    assert "fargate-arm64" in page
    assert "times 0.3 for spot" in page


def test_a_local_runs_logs_are_linked_from_where_the_report_is(project: Path) -> None:
    (project / "out").mkdir()
    assert call("report", "--local", "--output=out/report.html").exit_code == 0
    page = (project / "out/report.html").read_text(encoding="utf-8")
    (link,) = {part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("..")}
    assert (project / "out" / link).read_text(encoding="utf-8").startswith("hello\n")


def test_what_jobs_used_is_read_unless_that_is_not_wanted(project: Path) -> None:
    assert call("report", "--local", "-o", "r.html").exit_code == 0
    page = (project / "r.html").read_text(encoding="utf-8")
    assert (">412 (20%)<" in page, "2 jobs did not report it" in page) == (True, True)
    assert call("report", "2026-11-21", "--local", "-o", "r.html").exit_code == 0
    assert "The logs of this run are gone." in (project / "r.html").read_text(encoding="utf-8")
    assert call("report", "--local", "--no-usage", "-o", "r.html").exit_code == 0
    assert "412 (20%)" not in (project / "r.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("project")
def test_a_run_is_named_by_the_beginning_of_its_id() -> None:
    result = call("report", "2026-11-21", "--local", "-o", "r.html")
    assert result.output == "Report of run 2026-11-21T00.00.00.000Z (SUCCEEDED): r.html\n"


def test_prices_may_come_from_a_file(project: Path) -> None:
    (project / "prices.yml").write_text("{vcpu_hour: 0.02, gb_hour: 0, currency: EUR, source: ours}", encoding="utf-8")
    assert call("report", "--local", "--prices=prices.yml", "-o", "r.html").exit_code == 0
    page = (project / "r.html").read_text(encoding="utf-8")
    assert "0.02 EUR per vCPU-hour" in page
    assert "(ours)" in page


@pytest.mark.parametrize(
    ("text", "said"), [("{vcpu: 1}", "Did you mean"), ("{", "is not valid YAML"), ("", "must name rates")]
)
def test_a_file_of_prices_that_makes_no_sense_is_refused(project: Path, text: str, said: str) -> None:
    (project / "prices.yml").write_text(text, encoding="utf-8")
    result = call("report", "--local", "--prices=prices.yml")
    assert (result.exit_code, said in result.output, list(project.glob("*.html"))) == (1, True, [])
