"""What storage says of datasets as a run starts: by it a later run tells whether they are what a run read or wrote.

Whoever starts a run asks, since the functions may not read anybody's data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Object stores say when something was written to the second, rounded down.
_SECOND = 1000
#: Why nothing is known of what isn't there.
ABSENT = "it does not exist"


@dataclass(frozen=True)
class Seen:
    """A dataset as its storage showed it."""

    at: int  #: when it was last written, in ms since the epoch; object stores round down to seconds
    digest: str  #: of its files' names, sizes, ETags and times
    version: str | None = None  #: the newest, if it keeps versions
    folder: bool = False  #: whether it may have several files, of which nobody notices that one was deleted

    @property
    def latest(self) -> int:
        """Return the latest moment at which it may have been written last."""
        return self.at if self.at % _SECOND else self.at + _SECOND - 1


@dataclass(frozen=True)
class Shown:
    """What storage shows of all datasets that it was asked for."""

    seen: Mapping[str, Seen] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)  #: dataset → why it can't be told

    def why_untold(self, name: str) -> str:
        """Return why nothing is known of a dataset."""
        return self.untold.get(name, "its storage was not asked")


def read_shown(raw: Mapping[str, Mapping[str, Any]]) -> Shown:
    """Return what the field `stored` of a request says."""
    seen = {name: Seen(**{**one, "at": int(one["at"])}) for name, one in raw.items() if "untold" not in one}
    return Shown(seen, {name: one["untold"] for name, one in raw.items() if "untold" in one})
