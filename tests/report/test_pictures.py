"""The docs' pictures show today's output."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from scripts.pictures import main

from .browser import chromium

PICTURES = Path(__file__).parents[2] / "docs/pictures"


def said(picture: Path) -> set[str]:
    """Return the texts in a terminal's picture, without what differs from run to run."""
    texts = re.findall(r"<text [^>]*>(.*?)</text>", picture.read_text(encoding="utf-8"))
    plain = (html.unescape(text).replace("\xa0", " ").strip() for text in texts)
    kept = (re.sub(r"\d{4}-\S+Z", "RUN", text) for text in plain)
    return {re.sub(r"\d[\d.]*( min \d+)? s\b|\$[\d.]+", "FIGURE", text) for text in kept if text}


def size(png: Path) -> tuple[int, int]:
    """Return the width and height of a PNG."""
    content = png.read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


@pytest.mark.long
def test_the_pictures_in_the_docs_are_of_what_is_shown_now(tmp_path: Path) -> None:
    chromium()
    main(tmp_path)
    names = ["report-dark.png", "report-light.png", "run.svg", "split-dark.png", "split-light.png"]
    assert sorted(path.name for path in PICTURES.iterdir()) == sorted(path.name for path in tmp_path.iterdir()) == names
    assert said(PICTURES / "run.svg") == said(tmp_path / "run.svg")
    pages = [name for name in names if name.endswith(".png")]
    assert [size(PICTURES / name) for name in pages] == [size(tmp_path / name) for name in pages]
