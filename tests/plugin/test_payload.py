from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from kedro_aws_batch.container.payload import Payload, read_payload
from kedro_aws_batch.errors import PayloadError

RUN = "2026-11-22T13.11.00.123Z"
PLAIN: dict[str, Any] = {"format": 1, "run_id": RUN, "groups": [{"nodes": ["a"]}]}


def read(raw: dict[str, Any], **environment: str) -> Payload:
    return read_payload({"KEDRO_AWS_BATCH_JOB": json.dumps(raw), **environment})


def test_what_is_not_said_has_kedro_s_defaults() -> None:
    assert read(PLAIN) == Payload(run_id=RUN, nodes=("a",))


def test_an_array_s_child_takes_the_entry_at_its_index() -> None:
    raw = PLAIN | {"groups": [{"nodes": ["a"]}, {"nodes": ["b", "c"], "load_versions": {"x": RUN}}]}
    assert read(raw, AWS_BATCH_JOB_ARRAY_INDEX="1") == Payload(RUN, ("b", "c"), load_versions={"x": RUN})


@pytest.mark.parametrize(
    ("more", "environment", "again"),
    [
        ({}, {}, False),
        ({}, {"AWS_BATCH_JOB_ATTEMPT": "1"}, False),
        ({}, {"AWS_BATCH_JOB_ATTEMPT": "2"}, True),
        ({"attempt": 0}, {}, False),
        ({"attempt": 1}, {"AWS_BATCH_JOB_ATTEMPT": "1"}, True),
        ({"groups": [{"nodes": ["a"], "attempt": 1}]}, {}, True),
    ],
)
def test_a_second_attempt_by_batch_or_by_the_service_is_noticed(
    more: dict[str, Any], environment: dict[str, str], again: bool
) -> None:
    assert read(PLAIN | more, **environment).again is again


@pytest.mark.parametrize(
    ("raw", "environment", "message"),
    [
        (None, {}, "is not set"),
        ("{", {}, "is not JSON"),
        ("[]", {}, "must be a JSON object"),
        ({"format": 3}, {}, "has format 3, but this image reads formats 1 and 2"),
        ({"run_id": "../../etc"}, {}, "must look like 2026-"),
        ({"groups": []}, {}, "must be a JSON object with a list of groups"),
        ({"groups": [{"nodes": []}]}, {}, "names no nodes"),
        ({"groups": [1]}, {}, "Group 0 .* is not a JSON object"),
        ({"groups": [{"nodes": ["a"]}] * 2}, {}, "holds 2 groups, but AWS_BATCH_JOB_ARRAY_INDEX.* is not set"),
        ({}, {"AWS_BATCH_JOB_ARRAY_INDEX": "1"}, "holds 1 groups, but AWS_BATCH_JOB_ARRAY_INDEX asks for index 1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(raw: Any, environment: dict[str, str], message: str) -> None:
    text = json.dumps(PLAIN | raw) if isinstance(raw, dict) else raw
    variables = environment if text is None else environment | {"KEDRO_AWS_BATCH_JOB": text}
    with pytest.raises(PayloadError, match=message):
        read_payload(variables)


def test_a_compressed_payload_is_read_like_a_plain_one() -> None:
    packed = base64.b64encode(zlib.compress(json.dumps(PLAIN).encode())).decode()
    assert read({"format": 1, "packed": packed}) == read(PLAIN)


def test_the_equivalent_command_is_quoted_for_a_shell_and_tells_no_parameter_s_value() -> None:
    payload = Payload(
        run_id=RUN,
        nodes=("a b", "c"),
        environment="aws_batch",
        pipelines=("x", "y"),
        params={"model": {"rate": 0.5, "name": "a secret"}},
        load_versions={"ds": RUN},
    )
    assert payload.command() == (
        "kedro run '--nodes=a b,c' --env=aws_batch --pipelines=x,y '--params=model.rate=…,model.name=…' "
        f"--load-versions=ds:{RUN}"
    )
