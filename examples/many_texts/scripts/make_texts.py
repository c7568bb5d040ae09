"""Writes 3,000 texts into data/01_raw/texts, or as many as it is told; the same every time."""

from __future__ import annotations

import random
import sys
from pathlib import Path

WORDS = "the sea was calm and a ship came slowly out of the morning fog größe 模型 light over quiet water".split()  # noqa: SIM905


def main(folder: Path, number: int = 3_000) -> None:
    """Write so many texts, a hundred to a folder."""
    rng = random.Random(20)  # noqa: S311  (texts, no secrets)
    for index in range(number):
        file = folder / f"{index // 100:02}" / f"text_{index:04}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(" ".join(rng.choices(WORDS, k=rng.randint(50, 400))), encoding="utf-8")
    sys.stdout.write(f"{number:,} texts in {folder}\n")


if __name__ == "__main__":
    main(Path(__file__).parents[1] / "data/01_raw/texts", *map(int, sys.argv[1:]))
