"""A release's notes, and the repository's files that nothing else reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import kedro_aws_batch
from hatch_build import TellHome
from scripts.release import notes

ROOT = Path(__file__).parents[2]
HOME = "https://git.example/someone/kedro-aws-batch"
CHANGELOG = (
    "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-12-01\n\n### Added\n- This.\n\n## 1.1.0 - 2026-11-01\n- That.\n"
)


def described(monkeypatch: pytest.MonkeyPatch, root: Path = ROOT, repository: str | None = None) -> dict[str, Any]:
    """Return the metadata that building adds, on GitHub for a repository or elsewhere."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    if repository:
        monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example")
        monkeypatch.setenv("GITHUB_REPOSITORY", repository)
    metadata: dict[str, Any] = {"version": "1.2.0"}
    TellHome(str(root), {}).update(metadata)
    return metadata


def test_a_release_names_the_repository_that_built_it_and_its_links_lead_there(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = described(monkeypatch, repository="someone/kedro-aws-batch")
    links = re.findall(r"\]\((.+?)\)", metadata["readme"]["text"])
    own = [link.removeprefix(f"{HOME}/blob/v1.2.0/") for link in links if link.startswith(HOME)]
    assert [link for link in links if not re.match(r"https://|#", link)] == []
    assert len(own) > 10
    assert [name for name in own if not (ROOT / name.partition("#")[0]).is_file()] == []
    assert {name: url.removeprefix(HOME) for name, url in metadata["urls"].items()} == {
        "Source": "",
        "Documentation": "/tree/v1.2.0/docs",
        "Changelog": "/blob/v1.2.0/CHANGELOG.md",
        "Issues": "/issues",
        "Security": "/security/policy",
    }


def test_what_is_built_elsewhere_names_no_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert described(monkeypatch) == {
        "version": "1.2.0",
        "readme": {"content-type": "text/markdown", "text": text},
    }


def test_pictures_and_links_that_are_whole_already_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text(
        '![run](docs/run.png) [a](#b) [c](https://d.example) <img width="9" src="docs/e.svg">'
    )
    assert described(monkeypatch, tmp_path, "someone/kedro-aws-batch")["readme"]["text"] == (
        f"![run]({HOME}/raw/v1.2.0/docs/run.png) [a](#b) [c](https://d.example) "
        f'<img width="9" src="{HOME}/raw/v1.2.0/docs/e.svg">'
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "src/kedro_aws_batch").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('version = "1.2.0"\n')
    (tmp_path / "src/kedro_aws_batch/__init__.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_the_notes_of_a_release_are_its_part_of_the_changelog(repository: Path) -> None:
    assert notes("v1.2.0", repository) == "### Added\n- This.\n"


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("pyproject.toml", 'version = "1.3.0"\n', r"The tag is v1.2.0, pyproject.toml says 1.3.0, .* 1.2.0\."),
        ("src/kedro_aws_batch/__init__.py", '__version__ = "1.1.0"\n', r"__version__ 1.1.0\."),
        ("CHANGELOG.md", "# Changelog\n\n## Unreleased\n- This.\n", r"CHANGELOG.md has nothing under '## 1.2.0 - "),
        ("CHANGELOG.md", "## 1.2.0 - 2026-12-01\n\n## 1.1.0 - 2026-11-01\n- That.\n", r"CHANGELOG.md has nothing"),
    ],
)
def test_a_release_of_which_the_places_disagree_is_none(repository: Path, file: str, text: str, why: str) -> None:
    (repository / file).write_text(text)
    with pytest.raises(SystemExit, match=why):
        notes("v1.2.0", repository)


def test_the_package_and_its_metadata_name_one_version() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert kedro_aws_batch.__version__ == version


def commands(workflow: str) -> list[str]:
    """Return the commands of a workflow's steps."""
    read = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text(encoding="utf-8"))
    return [step["run"] for job in read["jobs"].values() for step in job["steps"] if "run" in step]


def test_the_workflows_run_what_make_and_the_scripts_have() -> None:
    assert commands("ci") == ["bash .ci/run"]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    run = [line.split() for name in ("release", "audit", "docs") for line in commands(name)]
    assert {words[1] for words in run if words[0] == "make"} == {"dist", "audit", "docs"}
    assert {"dist", "audit", "docs"} <= set(targets)
    assert [words[1] for words in run if words[0] == "python"] == ["scripts/release.py"]


def test_only_the_step_that_publishes_may_ask_for_a_token_of_pypi() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert [name for name, job in jobs.items() if (job.get("permissions") or {}).get("id-token")] == ["publish"]
    assert "secrets." not in text


def test_the_issue_forms_are_forms() -> None:
    for form in ("bug", "idea"):
        read = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{form}.yml").read_text(encoding="utf-8"))
        assert {"name", "description", "body"} <= set(read)
        assert all(field["attributes"]["label"] and field["id"] for field in read["body"])
