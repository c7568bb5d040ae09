"""Makes the raw tables of the example: the same bytes every time.

``python scripts/make_data.py [folder]`` writes companies.csv, shuttles.xlsx and reviews.csv, by default
to data/01_raw. The figures are invented, but like real ones: with blanks, signs and units in the cells.
"""

import argparse
import csv
import io
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from openpyxl import Workbook

COMPANIES, SHUTTLES, REVIEWS = 5_000, 5_000, 10_000
PORTS = ["Ascraeus", "Clavius", "Dawes", "Hadley", "Kepler", "Lansberg", "Pavonis", "Petavius", "Sabine", "Tycho"]
HULLS = ["barge", "clipper", "courier", "lighter", "yacht"]
QUESTIONS = ["comfort", "crew", "view", "value"]

Row = list[object]
Table = list[Row]


class Tables(NamedTuple):
    """The three raw tables, each with its header."""

    companies: Table
    shuttles: Table
    reviews: Table


def make_tables(seed: int = 20) -> Tables:
    """Return the tables for a seed."""
    chance = random.Random(seed)  # noqa: S311
    companies = list(_companies(chance))
    shuttles = list(_shuttles(chance))
    reviews = list(_reviews(chance))
    return Tables(
        [["company", "port", "founded", "fleet", "on_time", "licensed"], *companies],
        [["shuttle", "company", "hull", "engines", "seats", "crew_size", "inspected", "fare"], *shuttles],
        [["review", "shuttle", *QUESTIONS], *reviews],
    )


def write_csv(path: Path, table: Table) -> None:
    """Write the table with commas between cells, and nothing for a blank cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)


def write_xlsx(path: Path, table: Table) -> None:
    """Write the table as the only sheet of a workbook, without a workbook's timestamps."""
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("shuttles")
    for row in table:
        sheet.append(row)
    written = io.BytesIO()
    workbook.save(written)
    with zipfile.ZipFile(written) as timed, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as timeless:
        for name in timed.namelist():
            content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", timed.read(name))
            timeless.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def main() -> None:
    """Write the three tables to the folder on the command line."""
    parser = argparse.ArgumentParser(description="Make the raw tables of the example.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "data" / "01_raw")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    tables = make_tables()
    write_csv(folder / "companies.csv", tables.companies)
    write_csv(folder / "reviews.csv", tables.reviews)
    write_xlsx(folder / "shuttles.xlsx", tables.shuttles)


def _companies(chance: random.Random) -> Iterator[Row]:
    for company in range(1, COMPANIES + 1):
        yield [
            company,
            chance.choice(PORTS),
            chance.randint(2058, 2121),
            1 + int(chance.expovariate(1 / 12)),
            _sometimes_blank(chance, f"{chance.randint(55, 100)}%"),
            _sometimes_blank(chance, _yes_or_no(chance, 0.7)),
        ]


def _shuttles(chance: random.Random) -> Iterator[Row]:
    for shuttle in range(1, SHUTTLES + 1):
        engines, seats = chance.randint(1, 6), chance.randint(2, 24)
        crew_size = 1 + seats // 5 + chance.randint(0, 2)
        inspected = _yes_or_no(chance, 0.6)
        fare = 900 + 310 * engines + 95 * crew_size - 22 * seats + 240 * (inspected == "yes")
        fare *= chance.gauss(1, 0.08)
        yield [
            shuttle,
            chance.randint(1, COMPANIES),
            chance.choice(HULLS),
            engines,
            seats,
            crew_size,
            _sometimes_blank(chance, inspected),
            _sometimes_blank(chance, f"${max(fare, 150):,.2f}"),
        ]


def _reviews(chance: random.Random) -> Iterator[Row]:
    for review in range(1, REVIEWS + 1):
        mood = chance.gauss(7, 1.5)
        answers = [_sometimes_blank(chance, min(10, max(1, round(chance.gauss(mood, 1))))) for _ in QUESTIONS]
        yield [review, chance.randint(1, SHUTTLES), *answers]


def _yes_or_no(chance: random.Random, share: float) -> str:
    return "yes" if chance.random() < share else "no"


def _sometimes_blank(chance: random.Random, cell: object) -> object:
    return None if chance.random() < 0.03 else cell


if __name__ == "__main__":
    main()
