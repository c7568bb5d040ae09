"""The page docs/security.md names, in its source, existing tests that hold its promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
#: Parts in which each row, paragraph and item promises something, or says why it needs no test.
PROMISING = ("Who may do what", "What is where", "Threat by threat", "Runs on this machine")
COMMENT = re.compile(r"<!-- (held by|nothing held:) ([^>]+) -->")


def names_of_tests() -> list[str]:
    return sorted({name for kind, names in COMMENT.findall(PAGE) if kind == "held by" for name in names.split()})


def promises() -> list[str]:
    """Return the rows, paragraphs and items that promise something, without code and heads of tables."""
    found = []
    for part in PROMISING:
        text = PAGE.split(f"\n## {part}\n")[1].split("\n## ")[0]
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        text = re.sub(r"^\|.*\|\n\|[-|]+\|\n", "\n", text, flags=re.MULTILINE)
        text = re.sub(r"^(\||- )", r"\n\1", text, flags=re.MULTILINE)
        found += [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]
    return found


@pytest.mark.parametrize("name", names_of_tests())
def test_each_test_that_holds_a_promise_exists(name: str) -> None:
    file, _, test = name.partition("::")
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: str(promise)[:40])
def test_each_promise_names_what_holds_it(promise: str) -> None:
    assert COMMENT.search(promise) or promise.endswith(":")


def test_a_comment_is_one_or_the_other() -> None:
    assert len(re.findall("<!--", PAGE)) == len(COMMENT.findall(PAGE)) > 30
