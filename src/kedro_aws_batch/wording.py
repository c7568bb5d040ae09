"""Small parts of sentences."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone


def counted(number: int, noun: str) -> str:
    """Return `1 node`, `2 nodes`, `1,000 nodes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
#: Control characters that a terminal acts on, and those that change the direction of text.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Return somebody else's text in a form that a terminal may show: no escape sequences, no control characters."""
    return _UNSEEN.sub("", _ANSI.sub("", text)).replace("\t", "    ")


def one_line(text: str) -> str:
    """Return somebody else's text in a form that a terminal may show in one line."""
    return " ".join(plain(text).split("\n"))


def moment(at: int | None) -> str:
    """Return a time as `2026-11-22 13:11:00 UTC`, in the time zone of this machine."""
    if at is None:
        return ""
    return _here(at).strftime("%Y-%m-%d %H:%M:%S %Z")


def zone(at: int | None) -> tuple[str, int]:
    """Return the name of this machine's time zone at a moment, and by how many milliseconds it is ahead of UTC."""
    here = _here(at or 0)
    return here.strftime("%Z"), round((here.utcoffset() or timedelta()).total_seconds() * 1000)


def _here(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, timezone.utc).astimezone()


def lasting(seconds: float | None) -> str:
    """Return `12.3 s`, `4 min 05 s`, `2 h 07 min`, or an empty text."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def roughly(seconds: float) -> str:
    """Return an estimate, rounded up: `12 s`, `4 min`, `2 h 07 min`."""
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def money(amount: float, currency: str) -> str:
    """Return an amount: in cents, or with two significant figures if it is less."""
    sign = "$" if currency == "USD" else f"{currency} "
    if amount == 0 or amount >= 1:
        return f"{sign}{amount:,.2f}"
    if amount < 1e-6:
        return f"under {sign}0.000001"
    return f"{sign}{amount:.{max(2, 1 - math.floor(math.log10(amount)))}f}"
