"""S3: says of datasets what their objects show, by listing them; nothing of the objects themselves is read.

The plugin asks in another way, by fsspec and Kedro. What both say of a dataset must be the same, since one run notes it
and another compares: tests/contract/test_storage.py lets both look at the same buckets.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from dag.stored import ABSENT, AT_ONCE, File, S3Place, Seen, Shown, late, seen_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Requests for a dataset: each lists a thousand objects.
MOST_PAGES = 50
_DENIED = ("AccessDenied", "AllAccessDisabled", "403")
_LONGEST = 200


class _UntoldError(Exception):
    """It can't be told what a dataset is; the message says why."""


@dataclass(frozen=True)
class _Page:
    """A page of a listing."""

    files: Mapping[str, File]  #: by their keys, in order
    folders: Sequence[str]  #: with a slash at their ends
    next: str | None


class S3Storage:
    """S3; see `adapters.ports.ObjectStore` for what it promises."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def look(self, places: Mapping[str, S3Place], seconds: float) -> Shown:
        over = threading.Event()
        pool = ThreadPoolExecutor(AT_ONCE)
        looks = {place: _Look(self._client, place, over) for place in places.values()}
        answers = {place: pool.submit(look.answer) for place, look in looks.items()}
        wait(answers.values(), timeout=seconds)
        over.set()
        pool.shutdown(wait=False, cancel_futures=True)
        told = {place: one.result() for place, one in answers.items() if one.done() and not one.cancelled()}
        found = {name: told.get(place, late(seconds)) for name, place in places.items()}
        return Shown(
            {name: one for name, one in found.items() if isinstance(one, Seen)},
            {name: one for name, one in found.items() if isinstance(one, str)},
        )


class _Look:
    """A look at one dataset."""

    def __init__(self, client: S3Client, place: S3Place, over: threading.Event) -> None:
        self._client = client
        self._place = place
        self._over = over
        self._asked = 0

    def answer(self) -> Seen | str:
        """Return what the dataset is, or why that can't be told."""
        try:
            return self._told() or ABSENT
        except _UntoldError as error:
            return str(error)
        except ClientError as error:
            return self._refused(error)
        except BotoCoreError as error:
            return f"S3 can't be asked: {error}"[:_LONGEST]

    def _refused(self, error: ClientError) -> str:
        details = error.response.get("Error", {})
        code, bucket = str(details.get("Code")), self._place.bucket
        if code in _DENIED:
            return f"start_run is not allowed to list the bucket '{bucket}'"
        if code == "NoSuchBucket":
            return f"there is no bucket '{bucket}'"
        return f"S3 refuses to list the bucket '{bucket}': {code}: {details.get('Message')}"[:_LONGEST]

    def _told(self) -> Seen | None:
        if not self._place.versioned:
            return self._seen(self._place)
        asked = self._place.asked
        return self._newest() if asked is None else self._seen(self._place.of(asked), asked)

    def _newest(self) -> Seen | None:
        """Return the newest version that has data; a folder without isn't one."""
        folder = f"{self._place.key}/"
        folders = [name for page in self._pages(folder, Delimiter="/") for name in page.folders]
        versions = (name.removeprefix(folder).removesuffix("/") for name in folders)
        for version in self._place.newest_first(versions):
            if seen := self._seen(self._place.of(version), version):
                return seen
        return None

    def _seen(self, place: S3Place, version: str | None = None) -> Seen | None:
        """Return what lies in the dataset's folder, with the object of its name; neither is a neighbour's.

        There may be both: a dataset that once kept versions has left a folder where its one file is now.
        """
        first = self._page(place.key)
        objects = first.files
        if first.next and not any(map(place.passed, objects)):  # a page may be empty
            objects = {
                **objects,
                **{key: one for page in self._pages(f"{place.key}/") for key, one in page.files.items()},
            }
        files = {key: one for key, one in objects.items() if key == place.key or place.holds(key)}
        named = {f"{place.bucket}/{key}": one for key, one in files.items()}
        return seen_of(named, f"{place.bucket}/{place.key}", version) if named else None

    def _pages(self, prefix: str, **more: Any) -> list[_Page]:
        pages = [self._page(prefix, **more)]
        while token := pages[-1].next:
            pages.append(self._page(prefix, **more, ContinuationToken=token))
        return pages

    def _page(self, prefix: str, **more: Any) -> _Page:
        if self._over.is_set():
            raise _UntoldError("the time to ask was over")  # which nobody reads
        if self._asked == MOST_PAGES:
            raise _UntoldError(f"it, or what is beside it, takes more than {MOST_PAGES} requests to list")
        self._asked += 1
        answer: Any = self._client.list_objects_v2(Bucket=self._place.bucket, Prefix=prefix, **more)
        return _Page(
            files={
                one["Key"]: File(one["Size"], one["ETag"], one["LastModified"].timestamp())
                for one in answer.get("Contents", ())
            },
            folders=[one["Prefix"] for one in answer.get("CommonPrefixes", ())],
            next=answer.get("NextContinuationToken"),
        )
