"""The moment at which a run began, from its id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property


@dataclass(frozen=True)
class Moment:
    """The moment at which a run began, to the millisecond."""

    run_id: str

    @classmethod
    def of_now(cls) -> Moment:
        """Return the moment of a run that begins now."""
        return cls.of(datetime.now(timezone.utc))

    @classmethod
    def of(cls, moment: datetime) -> Moment:
        """Return a moment that has a time zone."""
        now = moment.astimezone(timezone.utc)
        return cls(f"{now:%Y-%m-%dT%H.%M.%S}.{now.microsecond // 1000:03d}Z")

    @cached_property
    def utc(self) -> datetime:
        """Return it in UTC."""
        return datetime.strptime(self.run_id, "%Y-%m-%dT%H.%M.%S.%fZ").replace(tzinfo=timezone.utc)

    @property
    def date(self) -> str:
        """Return the day in UTC, as `2026-11-22`."""
        return self.run_id.partition("T")[0]
