"""Checks EventBridge's schedule expressions, as the rules of an event bus take them.

From the EventBridge user guide, "Setting a schedule pattern": cron(minutes hours day-of-month month day-of-week year),
with `?` in exactly one of the two fields of days; or rate(value unit), the unit in the singular for 1. Both in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class Field:
    name: str
    lowest: int
    highest: int
    #: Names of the numbers from `lowest` on.
    names: tuple[str, ...] = ()
    #: What else it may be, once.
    also: str = r"(?!)"


#: Those of cron, in order.
FIELDS = (
    Field(name="minutes", lowest=0, highest=59),
    Field(name="hours", lowest=0, highest=23),
    Field(name="day-of-month", lowest=1, highest=31, also=r"L|LW|([1-9]|[12]\d|3[01])W"),
    Field(name="month", lowest=1, highest=12, names=_MONTHS),
    Field(name="day-of-week", lowest=1, highest=7, names=_DAYS, also=rf"L|([1-7]|{'|'.join(_DAYS)})(L|#[1-5])"),
    Field(name="year", lowest=1970, highest=2199),
)
_DAY_FIELDS = (2, 4)


def wrong_expression(expression: str) -> str | None:
    """Return why EventBridge would refuse an expression, as `it …`, or None."""
    if expression.startswith("rate("):
        wanted = "rate takes a whole number and its unit, as in rate(1 hour) or rate(12 hours)"
        return None if _RATE.fullmatch(expression) else wanted
    match = _CRON.fullmatch(expression)
    return _wrong_cron(match[1].split(" ")) if match else "it is neither cron(0 3 * * ? *) nor rate(12 hours), in UTC"


def _wrong_cron(texts: list[str]) -> str | None:
    if len(texts) != len(FIELDS):
        return f"cron takes six fields with one space between them, {' '.join(each.name for each in FIELDS)}"
    if [texts[index] for index in _DAY_FIELDS].count("?") != 1:
        return "exactly one of day-of-month and day-of-week must be ?, as in cron(0 3 * * ? *)"
    for index, (field, text) in enumerate(zip(FIELDS, texts, strict=True)):
        if not (text == "?" and index in _DAY_FIELDS) and not _fits(field, text):
            names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
            return f"'{text}' can't be its {field.name}, which goes from {field.lowest} to {field.highest}{names}"
    return None


def _fits(field: Field, text: str) -> bool:
    return bool(re.fullmatch(field.also, text, re.IGNORECASE)) or all(_part(field, part) for part in text.split(","))


def _part(field: Field, part: str) -> bool:
    """Whether a part of a list is `*`, a value, or a range, with steps where they are allowed."""
    span, slash, step = part.partition("/")
    if slash and not re.fullmatch(r"[1-9]\d{0,3}", step):
        return False
    return span == "*" or all(_value(field, end) for end in span.split("-", 1))


def _value(field: Field, text: str) -> bool:
    if text.upper() in field.names:
        return True
    return bool(re.fullmatch(r"\d{1,4}", text)) and field.lowest <= int(text) <= field.highest
