"""What `run --dry-run` says of how long a run takes: by local runs, or by the deployed service; or why it can't."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch._service.dag.durations import dump_durations, duration_key, durations_of
from kedro_aws_batch._service.dag.plan import start_key
from kedro_aws_batch._service.dag.preview import plan_of
from kedro_aws_batch.cli import expectation
from kedro_aws_batch.cli.prepare import prepare_whole
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.graph import ENVIRONMENT
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.kept.items import append_items
from kedro_aws_batch.kept.place import folder
from kedro_aws_batch.stored import StoredItem

from .commands import call
from .project import CONFIGURATION, REMOTE_CHAIN, Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Make = Callable[[Sources], Path]

CHAIN = """
def register_pipelines():
    return {"__default__": pipeline([
        node(same, "raw", "middle", name="first"), node(same, "middle", "final", name="second"),
    ])}
"""
FREE = ", where machines are free."
HERE = ", on 2 cores that nothing else keeps busy."


@pytest.fixture
def chain(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = make_project(Sources(CHAIN, REMOTE_CHAIN, {**CONFIGURATION, "warm_containers": True}))
    monkeypatch.chdir(project)
    return project


def teach(project: Path, seconds: Mapping[str, float], start: float) -> None:
    """Leave what local runs leave of how long these nodes took, and a container to start."""
    document = prepare_whole(Opening(ENVIRONMENT)).compiled.read
    groups = {group.nodes[0]: group for group in plan_of(document, {}).groups}
    known = {duration_key(groups[name].signatures): lasts for name, lasts in seconds.items()}
    known |= {f"start {start_key(group.resources)}": start for group in groups.values()}
    key = {"pk": {"S": durations_of(document.project)}, "sk": {"S": ENVIRONMENT}}
    other = {**key, "sk": {"S": "another"}}
    body = {"B": base64.b64encode(dump_durations(known, 100_000)).decode()}
    folder(project).mkdir(parents=True)
    items = [StoredItem("runs", other, {**other, "body": {"B": ""}}), StoredItem("runs", key, {**key, "body": body})]
    append_items(folder(project) / "items.jsonl", items)


def last_line(*words: str) -> str:
    result = call("run", "--dry-run", *words)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[-1]


def test_a_local_run_is_expected_to_take_as_long_as_earlier_ones(chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert last_line("--local") == expectation.NEW
    assert not (chain / ".kedro_aws_batch").exists()
    teach(chain, {"first": 20, "second": 10}, start=5)
    assert last_line("--local") == f"By earlier runs it takes about 36 s and 1 container{HERE}"
    assert last_line("--local", "--start-seconds=20") == f"By earlier runs it takes about 51 s and 1 container{HERE}"
    cold = last_line("--local", "--params=aws_batch.warm_containers=false")
    assert cold == f"By earlier runs it takes about 41 s{HERE}"
    large = last_line("--local", "--params=aws_batch.resources.default.vcpus=4")
    assert large == f"By earlier runs it takes about 36 s and 1 container{HERE.replace('2', '4')}"


def test_what_never_ran_makes_it_a_least_time(chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    teach(chain, {"second": 10}, start=5)
    told = f"By earlier runs it takes at least 16 s and 1 container (1 group never ran before){HERE}"
    assert last_line("--local") == told
    assert last_line("--local", "--nodes=first") == expectation.NEW


@dataclass
class Answering:
    """A Lambda client whose functions answer this."""

    answer: Any
    asked: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.asked.append({"function": request["FunctionName"], **json.loads(request["Payload"])})
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode())}


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({}, expectation.NEW),
        (
            {"expected": {"seconds": 200, "containers": 3, "unknown": 0}},
            f"By earlier runs it takes about 4 min and 3 containers{FREE}",
        ),
        (
            {"error": {"type": "GraphMismatch", "message": "…"}},
            "How long it takes only the deployed service knows, which has another graph deployed.",
        ),
        (
            {"error": {"type": "NotReady", "message": "There is no queue 'q'."}},
            "The deployed service would not run it now: There is no queue 'q'.",
        ),
    ],
)
def test_of_a_run_on_aws_the_service_says_how_long_it_takes(
    answer: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lambda_client = Answering({"dry_run": True, "groups": 2, "nodes": 2, **answer})
    monkeypatch.setattr(expectation, "client", lambda *_, **__: lambda_client)
    assert last_line("--service=mine-dev", "--nodes=second") == told
    (asked,) = lambda_client.asked
    assert (asked["function"], asked["dry_run"], asked["nodes"]) == ("mine-dev-start_run", True, ["second"])
    assert asked["graph_digest"].startswith("sha256:")


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize(("kind", "why"), [("Unreachable", "can't be reached now"), ("Refused", "can't be called")])
def test_without_the_service_that_is_said(kind: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def client(*_: Any, **__: Any) -> Any:
        raise ServiceError("no", kind)

    monkeypatch.setattr(expectation, "client", client)
    assert last_line().startswith(f"How long it takes only the deployed service knows, which {why}")
