"""The docs' site is built without a warning: every link leads somewhere, and every page is in the list."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MKDOCS = ROOT / ".venv/docs/bin/mkdocs"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the site's sources."""
    if not MKDOCS.exists() and os.environ.get("CI"):
        pytest.fail("CI must have mkdocs: `make docs` installs it.")
    if not MKDOCS.exists():
        pytest.skip("there is no mkdocs here: `make docs` installs it in an environment of its own")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    return tmp_path


def built(checkout: Path) -> tuple[int, str]:
    """Build the site as `make docs` does, and return the exit code and the output."""
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [str(MKDOCS), "build", "--strict"]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_site_has_every_page_and_asks_nothing_of_anybody_else(checkout: Path) -> None:
    code, said = built(checkout)
    assert (code, re.findall("WARNING.*", said)) == (0, [])
    site = checkout / "build/site"
    pages = {path.with_suffix("").name for path in (ROOT / "docs").glob("*.md")}
    assert {path.stem for path in site.glob("*.html")} == {*pages, "404"}
    loads = r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"?(https?:[^\"\s>]+)"
    assert re.findall(loads, (site / "index.html").read_text(encoding="utf-8")) == []


def test_a_link_that_leads_nowhere_is_an_error(checkout: Path) -> None:
    with (checkout / "docs/reliability.md").open("a", encoding="utf-8") as page:
        page.write("\n[there](deploy.md#no-such-heading)\n")
    code, said = built(checkout)
    assert code == 1
    assert "reliability.md" in said
    assert "#no-such-heading" in said
