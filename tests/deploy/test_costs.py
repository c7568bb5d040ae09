"""docs/deploy.md adds its costs up correctly, and leaves out nothing that the templates turn on."""

from __future__ import annotations

import pytest

from .conftest import ROOT, Packager, Template

PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8").partition("## What it costs")[2]


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table below a title, its head left out."""
    table = PAGE.partition(title)[2].strip().partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in table]


def amounts(cell: str) -> tuple[float, float]:
    least, _, most = cell.removeprefix("at most ").partition("–")
    return float(least), float(most or least)


@pytest.mark.parametrize(
    ("title", "digits"), [("**Idle, a month of 43,200 minutes:**", 2), ("**A thousand nodes, one job each:**", 4)]
)
def test_a_table_of_costs_adds_up(title: str, digits: int) -> None:
    *parts, (together, _, total) = rows(title)

    assert together == "together"
    costs = [amounts(cell) for _, _, cell in parts]
    assert tuple(round(sum(each), digits) for each in zip(*costs, strict=True)) == amounts(total)


def test_what_the_templates_turn_on_for_money_is_in_the_page(package: Packager) -> None:
    template: Template = package("own")
    table = template.properties("RunTable")

    # With a key of AWS' in the account, not DynamoDB's own: requests for it are charged.
    assert (table["SSESpecification"]["SSEEnabled"], table["SSESpecification"]["SSEType"]) == (True, "KMS")
    assert "KMS, for the table's key" in PAGE
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert "point-in-time recovery" in PAGE
    assert "PutEvents" in str(template.body)
    assert "announcements | a run's start and end" in PAGE
    assert f"1…{len(template.of_type('AWS::Lambda::Function'))} × 8,640" in PAGE  # each uses the table in its own role
