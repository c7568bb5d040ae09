"""The Runtime API answers only its own instance."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.local.bootstrap import RuntimeApi as Client
from kedro_aws_batch.local.function import FunctionSettings
from kedro_aws_batch.local.runtime_api import Invocation, RuntimeApi

from .strangers import send

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = FunctionSettings(
    name="f", arn="arn:f", handler="handlers/f.handler", timeout=20, memory=128, environment={}, code=Path()
)
RUNTIME = "/2018-06-01/runtime"


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    running = RuntimeApi(SETTINGS)
    yield running
    running.close("the test is over")


def url(api: RuntimeApi) -> str:
    return f"http://{api.address.partition('/')[0]}"


@pytest.mark.parametrize("prefix", ["", "/", "/wrong", "//"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/init/error"),
        ("GET", "/invocation/next"),
        ("POST", "/invocation/1/response"),
        ("POST", "/invocation/1/error"),
    ],
)
def test_nobody_without_the_secret_ends_takes_or_answers_anything(
    api: RuntimeApi, prefix: str, method: str, path: str
) -> None:
    invocation = Invocation("1", b"{}")
    api.offer(invocation)
    assert send(url(api), prefix + RUNTIME + path, b'{"errorType": "x"}', method)[0] == 403
    assert (api.ready.is_set(), api.init_error, invocation.done.is_set()) == (False, None, False)


def test_the_instance_takes_and_answers_its_invocation(api: RuntimeApi) -> None:
    invocation = Invocation("1", b'{"a": 1}')
    client = Client(api.address)
    threading.Timer(0.05, api.offer, [invocation]).start()
    assert json.loads(client.get("/invocation/next").read()) == {"a": 1}
    assert send(url(api), f"{RUNTIME}/invocation/1/response", b"forged")[0] == 403
    client.post("/invocation/1/response", b"answer")
    assert invocation.done.wait(5)
    assert (invocation.answer, invocation.failed) == (b"answer", False)
    client._connection.close()


def test_each_instance_has_a_secret_of_its_own(api: RuntimeApi) -> None:
    other = RuntimeApi(SETTINGS)
    try:
        assert other.address.partition("/")[2] != api.address.partition("/")[2]
        secret = api.address.partition("/")[2]
        assert send(url(other), f"/{secret}{RUNTIME}/init/error", b"{}")[0] == 403
    finally:
        other.close("the test is over")
