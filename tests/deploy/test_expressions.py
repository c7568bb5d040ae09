"""Which schedules EventBridge takes, by the examples and rules of its user guide."""

from __future__ import annotations

import pytest

from kedro_aws_batch.package.expressions import wrong_expression


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 10 * * ? *)",
        "cron(15 12 * * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(*/5 * * * ? *)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(15 10 ? * 6L 2019-2022)",
        "cron(0 3 L * ? *)",
        "cron(0 3 15W JAN,jul ? 2027)",
        "rate(1 minute)",
        "rate(5 minutes)",
        "rate(1 day)",
    ],
)
def test_what_eventbridge_takes_is_not_refused(expression: str) -> None:
    assert wrong_expression(expression) is None


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "it is neither cron(0 3 * * ? *) nor rate(12 hours), in UTC"),
        ("at(2026-12-24T18:00:00)", "it is neither"),
        ("0 3 * * ? *", "it is neither"),
        ("rate(0 minutes)", "rate takes a whole number"),
        ("rate(1 minutes)", "rate takes a whole number"),
        ("rate(2 hour)", "rate takes a whole number"),
        ("rate(1.5 hours)", "rate takes a whole number"),
        ("rate(30 seconds)", "rate takes a whole number"),
        ("cron(0 3 * * *)", "cron takes six fields with one space between them, minutes hours day-of-month month"),
        ("cron(0 3  * * ? *)", "cron takes six fields with one space between them"),
        ("cron(0 3 * * * *)", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(0 3 1 * MON *)", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(0 3 ? * ? *)", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(60 3 * * ? *)", "'60' can't be its minutes, which goes from 0 to 59"),
        ("cron(0 24 * * ? *)", "'24' can't be its hours"),
        ("cron(? 3 * * ? *)", "'?' can't be its minutes"),
        ("cron(0 3 0 * ? *)", "'0' can't be its day-of-month"),
        ("cron(0 3 1 13 ? *)", "'13' can't be its month, which goes from 1 to 12, or JAN to DEC"),
        ("cron(0 3 ? * 0 *)", "'0' can't be its day-of-week, which goes from 1 to 7, or SUN to SAT"),
        ("cron(0 3 ? * MON#6 *)", "'MON#6' can't be its day-of-week"),
        ("cron(0 3 * * ? 1969)", "'1969' can't be its year"),
        ("cron(0/0 3 * * ? *)", "'0/0' can't be its minutes"),
        ("cron(1,,2 3 * * ? *)", "'1,,2' can't be its minutes"),
        ("cron(0 3 * * ? *) ", "it is neither"),
    ],
)
def test_what_eventbridge_refuses_is_said_with_the_reason(expression: str, why: str) -> None:
    assert str(wrong_expression(expression)).startswith(why)
