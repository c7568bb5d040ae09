"""Prints a release's notes: `python scripts/release.py v0.1.0`. Fails unless all places name that version."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(tag: str, root: Path) -> str:
    """Return a version's part of the changelog. Raises SystemExit if the tag, the package and it disagree."""
    package = _found(r'^version = "(.+)"$', root / "pyproject.toml")
    module = _found(r'^__version__ = "(.+)"$', root / "src/kedro_aws_batch/__init__.py")
    if tag != f"v{package}" or package != module:
        raise SystemExit(f"The tag is {tag}, pyproject.toml says {package}, kedro_aws_batch.__version__ {module}.")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(
        rf"^## {re.escape(package)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None or not section[1].strip():
        raise SystemExit(f"CHANGELOG.md has nothing under '## {package} - <year>-<month>-<day>'.")
    return section[1].strip() + "\n"


def _found(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{file} says no version.")
    return found[1]


if __name__ == "__main__":
    print(notes(sys.argv[1], ROOT), end="")
