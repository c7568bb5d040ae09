"""The page docs/guarantees.md names, in its source, existing tests that hold its sentences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
COMMENT = re.compile(r" <!-- (held by|nothing held:) ([^>]+) -->$")
ITEMS = [line for line in PAGE.splitlines() if line.startswith("- ")]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: str(item)[2:40])
def test_each_sentence_names_tests_that_exist_or_says_why_there_is_none(item: str) -> None:
    comment = COMMENT.search(item)
    assert comment, item
    for name in comment[2].split() if comment[1] == "held by" else ():
        file, _, test = name.partition("::")
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), name


def test_all_of_the_page_is_in_sentences_that_are_held() -> None:
    parts = PAGE.split("\n## ")[1:]
    assert [part.partition("\n")[0] for part in parts] == [
        "What is the same",
        "What is refused, since it would differ",
        "What differs",
    ]
    assert [line for part in parts for line in part.splitlines()[1:] if line] == ITEMS
