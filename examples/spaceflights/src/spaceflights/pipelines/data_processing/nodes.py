"""Clean the raw tables, and join them."""

import hashlib
from typing import Any

import pandas as pd


def clean_companies(companies: pd.DataFrame) -> pd.DataFrame:
    """Return the companies with punctuality as a fraction and licences as booleans."""
    return companies.assign(
        on_time=companies["on_time"].str.removesuffix("%").astype("float64") / 100,
        licensed=_is_yes(companies["licensed"]),
    )


def clean_shuttles(shuttles: pd.DataFrame) -> pd.DataFrame:
    """Return the shuttles with fares as numbers and inspections as booleans."""
    return shuttles.assign(
        fare=shuttles["fare"].str.replace(r"[$,]", "", regex=True).astype("float64"),
        inspected=_is_yes(shuttles["inspected"]),
    )


def summarise_reviews(reviews: pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame:
    """Return the mean answer to each question and the number of reviews, one row for each shuttle.

    Shuttles with fewer reviews than the minimum are left out.
    """
    by_shuttle = reviews.groupby("shuttle")
    scores = by_shuttle[options["questions"]].mean()
    scores["reviews"] = by_shuttle.size()
    return scores[scores["reviews"] >= options["minimum"]].reset_index()


def join_tables(companies: pd.DataFrame, shuttles: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each reviewed shuttle of a known company, without rows that lack a figure."""
    joined = shuttles.merge(scores, on="shuttle", validate="one_to_one")
    joined = joined.merge(companies, on="company", validate="many_to_one")
    return joined.dropna().sort_values("shuttle", ignore_index=True)


def fingerprint(text: str) -> dict[str, Any]:
    """Return a fingerprint of the table's state: its size and the hash of its text."""
    header, *rows = text.splitlines()
    return {
        "rows": len(rows),
        "columns": header.split(","),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _is_yes(answers: pd.Series) -> pd.Series:
    """Return whether each answer is yes: silence is a no."""
    return answers.fillna("no").eq("yes")
