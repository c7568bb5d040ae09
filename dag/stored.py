"""What storage says of datasets as a run starts: by it a later run tells whether they are what a run read or wrote.

Whoever starts a run asks. Where nobody has, start_run asks S3 itself, if the deployment lets it list the buckets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Requests to a storage at a time.
AT_ONCE = 32
#: Seconds for all of them together.
PATIENCE = 20.0
#: Object stores say when something was written to the second, rounded down.
_SECOND = 1000
#: Why nothing is known of what isn't there.
ABSENT = "it does not exist"
#: Hex digits of a digest.
_DIGITS = 16


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
class File:
    """A file, or an object, of a dataset."""

    size: Any
    tag: str  #: its ETag with the quotes around it; a file on a disk has none
    put: float  #: when it got where it is, in s since the epoch


def seen_of(files: Mapping[str, File], path: str, version: str | None = None, own_folder: str = "") -> Seen:
    """Return how a storage shows the dataset at a path, by its files, of which there is one at least.

    Names that begin with the project's own folder count from there: elsewhere it lies elsewhere.
    """
    lines = [f"{name.removeprefix(own_folder)} {one.size} {one.tag} {one.put}" for name, one in sorted(files.items())]
    told = "\n".join([str(version), *lines])
    return Seen(
        at=max(0, int(max(one.put for one in files.values()) * 1000)),
        digest=hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:_DIGITS],
        version=version,
        folder=[*files] != [path],
    )


@dataclass(frozen=True)
class Shown:
    """What storage shows of all datasets that it was asked for."""

    seen: Mapping[str, Seen] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)  #: dataset → why it can't be told

    def why_untold(self, name: str) -> str:
        """Return why nothing is known of a dataset."""
        return self.untold.get(name, "its storage was not asked")


#: Returns what storage shows of some datasets, or why nobody can ask it.
Ask = Callable[[Collection[str]], "Shown | str"]


def read_shown(raw: Mapping[str, Mapping[str, Any]]) -> Shown:
    """Return what the field `stored` of a request says."""
    seen = {name: Seen(**{**one, "at": int(one["at"])}) for name, one in raw.items() if "untold" not in one}
    return Shown(seen, {name: one["untold"] for name, one in raw.items() if "untold" in one})


def late(seconds: float) -> str:
    """Return why nothing is known of what hasn't answered in time."""
    return f"its storage hasn't answered within {seconds:g} s"


@dataclass(frozen=True)
class S3Place:
    """Where a dataset lies on S3."""

    bucket: str
    key: str  #: without slashes at its ends
    versioned: bool = False  #: whether it is a folder of versions, each with the data in a folder of its own
    asked: str | None = None  #: the version that is asked for; else its newest counts

    @property
    def name(self) -> str:
        """Return the last part of its key, which the data of each version has, too."""
        return self.key.rpartition("/")[2]

    def of(self, version: str) -> S3Place:
        """Return where a version of it lies."""
        return S3Place(self.bucket, f"{self.key}/{version}/{self.name}")

    def newest_first(self, versions: Iterable[str]) -> list[str]:
        """Return the names of its versions that Kedro takes for such, in Kedro's order: that of their whole paths."""
        names = (one for one in versions if one not in ("", ".", ".."))
        return sorted(names, key=lambda one: f"{one}/{self.name}", reverse=True)

    def holds(self, key: str) -> bool:
        """Return whether an object lies in its folder. `part10/x` is no part of `part1`."""
        return key.startswith(f"{self.key}/")

    def passed(self, key: str) -> bool:
        """Return whether a listing in order that has come to a key has all that lies in its folder behind it."""
        return key >= f"{self.key}0"  # which comes right after all that begins with a slash there
