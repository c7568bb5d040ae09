"""How S3 is asked: page by page, past neighbours, and not for longer than there is time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from adapters.storage import MOST_PAGES, S3Storage
from dag.stored import S3Place, Seen, Shown

AT = datetime(2026, 11, 22, 13, 11, tzinfo=timezone.utc)


class Client:
    """S3 with these keys in each bucket, three of them on a page."""

    def __init__(self, *keys: str, before: Callable[[str], object] = lambda _: None) -> None:
        self.keys = sorted(keys)
        self.asked: list[str] = []
        self._before = before

    def list_objects_v2(self, *, Prefix: str, ContinuationToken: str = "", **asked: Any) -> dict[str, Any]:  # noqa: N803
        self.asked.append(Prefix)
        self._before(Prefix)
        within = [key for key in self.keys if key.startswith(Prefix)]
        if "Delimiter" in asked:
            within = sorted({f"{Prefix}{key.removeprefix(Prefix).split('/')[0]}/" for key in within})
        within = [one for one in within if one > ContinuationToken]
        page, more = within[:3], {"NextContinuationToken": within[2]} if len(within) > 3 else {}
        if "Delimiter" in asked:
            return {"CommonPrefixes": [{"Prefix": one} for one in page], **more}
        return {"Contents": [{"Key": one, "Size": 1, "ETag": one, "LastModified": AT} for one in page], **more}


def look(client: Any, key: str = "x", *, versioned: bool = False, seconds: float = 20) -> Seen | str:
    shown = S3Storage(client).look({"x": S3Place("b", key, versioned)}, seconds)
    return shown.seen["x"] if shown.seen else shown.untold["x"]


@pytest.mark.parametrize(
    ("keys", "folder", "asked"),
    [
        (["x"], False, ["x"]),
        (["x", "x-1", "x-2", "x-3"], False, ["x", "x/"]),
        (["x", "x-1", "x-2", "x-3", "x/1"], True, ["x", "x/"]),
        (["x-1", "x-2", "x-3", "x/1", "x/2", "x/3", "x/4"], True, ["x", "x/", "x/"]),
        (["x/1", "x0", "x1", "x2"], True, ["x"]),
        (["x/1", "x/2", "x/3", "x/4", "x0"], True, ["x", "x/", "x/"]),
    ],
)
def test_what_is_beside_a_dataset_is_passed_over(keys: list[str], folder: bool, asked: list[str]) -> None:
    client = Client(*keys)
    seen = look(client)
    own = [key for key in keys if key == "x" or key.startswith("x/")]
    assert (seen, client.asked) == (look(Client(*own)), asked)
    assert isinstance(seen, Seen)
    assert seen.folder is folder


class EmptyFirst(Client):
    """S3 whose first page is empty, though others follow: it promises no number of keys on a page."""

    def list_objects_v2(self, **asked: Any) -> dict[str, Any]:
        if len(self.asked) == 0:
            self.asked.append(asked["Prefix"])
            return {"NextContinuationToken": "!"}
        return super().list_objects_v2(**asked)


def test_an_empty_page_before_others_is_read_past() -> None:
    client = EmptyFirst("x/1", "x/2")
    assert look(client) == look(Client("x/1", "x/2"))


def test_neighbours_alone_are_no_dataset() -> None:
    assert look(Client("x-1", "x-2", "x-3", "x-4")) == "it does not exist"


def test_all_pages_of_versions_are_read_and_the_newest_with_data_counts() -> None:
    client = Client(*(f"x/{version}/x" for version in "1234"), "x/5/y")
    seen = look(client, versioned=True)
    assert isinstance(seen, Seen)
    assert (seen.version, client.asked) == ("4", ["x/", "x/", "x/5/x", "x/4/x"])
    client.asked.clear()
    asked = S3Storage(client).look({"x": S3Place("b", "x", versioned=True, asked="2")}, 20)  # type: ignore[arg-type]
    assert (asked.seen["x"].version, client.asked) == ("2", ["x/2/x"])


def test_what_takes_too_many_requests_is_not_told() -> None:
    few, many = (Client(*(f"x/{number:04}" for number in range(3 * most))) for most in (MOST_PAGES - 1, MOST_PAGES))
    assert isinstance(look(few), Seen)
    assert look(many) == f"it, or what is beside it, takes more than {MOST_PAGES} requests to list"


def refused(code: str) -> Client:
    def refuse(_: str) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no " * 200}}, "ListObjectsV2")

    return Client(before=refuse)


def unreachable(_: str) -> None:
    raise EndpointConnectionError(endpoint_url="https://s3/" + "x" * 300)


def test_what_s3_refuses_is_said_in_a_short_sentence() -> None:
    assert look(refused("AccessDenied")) == "start_run is not allowed to list the bucket 'b'"
    assert look(refused("NoSuchBucket")) == "there is no bucket 'b'"
    said = look(refused("SlowDown"))
    assert str(said).startswith("S3 refuses to list the bucket 'b': SlowDown: no no ")
    lost = look(Client(before=unreachable))
    assert str(lost).startswith("S3 can't be asked: Could not connect")
    assert (len(str(said)), len(str(lost))) == (200, 200)


def test_what_has_answered_in_time_counts_and_no_more_is_asked_of_the_rest() -> None:
    answers, slow = threading.Event(), threading.Event()

    def hang(prefix: str) -> None:
        if prefix == "slow":
            answers.wait(10)
            slow.set()

    client = Client("quick", *(f"slow-{number}" for number in range(4)), before=hang)
    places = {name: S3Place("b", name) for name in ("quick", "slow")}
    shown = S3Storage(client).look(places, 0.3)  # type: ignore[arg-type]
    assert shown == Shown({"quick": shown.seen["quick"]}, {"slow": "its storage hasn't answered within 0.3 s"})
    answers.set()
    assert slow.wait(10)
    assert sorted(client.asked) == ["quick", "slow"]


def test_what_waits_for_its_turn_as_the_time_is_over_is_never_asked() -> None:
    answers = threading.Event()
    client = Client(before=lambda _: answers.wait(10))
    shown = S3Storage(client).look({f"{number}": S3Place("b", f"{number}") for number in range(40)}, 0.3)  # type: ignore[arg-type]
    answers.set()
    assert len(shown.untold) == 40
    assert len(client.asked) == 32
