"""EventBridge's schedule expressions, `rate(5 minutes)` and `cron(0 12 * * ? *)`, in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from kedro_aws_batch.local.errors import ApiError
from kedro_aws_batch.package.expressions import FIELDS, Field, wrong_expression

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


def next_time(expression: str, now: float) -> float:
    """Return when a schedule next fires after `now`, both in seconds since the epoch."""
    if why := wrong_expression(expression):
        raise _invalid(expression, why)
    if match := _RATE.fullmatch(expression):
        return now + int(match[1]) * _SECONDS[match[2]]
    fields = expression.removeprefix("cron(").removesuffix(")").split()
    return _next_cron(expression, fields, datetime.fromtimestamp(now, timezone.utc))


def _invalid(expression: str, why: str) -> ApiError:
    return ApiError("ValidationException", f"ScheduleExpression {expression} is not valid here: {why}")


def _next_cron(expression: str, fields: list[str], now: datetime) -> float:
    try:
        minutes, hours, days, months, weekdays, years = (_values(*each) for each in zip(fields, FIELDS, strict=True))
    except ValueError as error:
        raise _invalid(expression, f"{error}; L, W and # are not supported") from None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight + timedelta(days=ahead) for ahead in range(366 * 8)):
        # isoweekday: Monday is 1; EventBridge's week begins on Sunday, which is 1.
        fits = day.month in months and day.day in days and day.isoweekday() % 7 + 1 in weekdays
        if fits and day.year in years:
            for moment in _moments(day, hours, minutes):
                if moment > now:
                    return moment.timestamp()
    raise _invalid(expression, "it never fires again")


def _moments(day: datetime, hours: set[int], minutes: set[int]) -> Iterator[datetime]:
    for hour in sorted(hours):
        for minute in sorted(minutes):
            yield day.replace(hour=hour, minute=minute)


def _values(text: str, field: Field) -> set[int]:
    values: set[int] = set()
    low, high = field.lowest, field.highest
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span in {"*", "?"}:
            begin, end = low, high
        else:
            begin = _number(first, field)
            end = _number(last, field) if dash else (high if step else begin)
        values |= set(range(begin, end + 1, int(step or 1)))
    if not values or min(values) < low or max(values) > high:
        raise ValueError(f"{text!r} is not within {low} and {high}")
    return values


def _number(text: str, field: Field) -> int:
    return field.lowest + field.names.index(text.upper()) if text.upper() in field.names else int(text)
