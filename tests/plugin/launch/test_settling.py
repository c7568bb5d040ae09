"""The service itself ends cut-off runs at once, so that they can be resumed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.client import Service
from kedro_aws_batch.kept.commands import in_progress
from kedro_aws_batch.kept.runs import CUT_OFF, kept_run
from kedro_aws_batch.kept.state import State
from kedro_aws_batch.launch.settling import settle
from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings, service_root

if TYPE_CHECKING:
    from collections.abc import Iterator

#: When the command that was cut off last looked, in ms.
LAST_SEEN = 1_700_000_000_000
DOCUMENT = Path(__file__).parents[2] / "golden/graph_document.json"


@contextmanager
def begun(project: Path) -> Iterator[tuple[EmbeddedAws, Service, State]]:
    """An embedded AWS like a local run's, with the saved state and a queue without room for any job."""
    run = json.loads(DOCUMENT.read_bytes())["run"]
    with (
        in_progress(project) as command,
        EmbeddedAws(
            service=service_root(),
            graph_document=DOCUMENT,
            jobs_cwd=project,
            job_queue=run["job_queue"],
            job_definition=run["job_definition"],
            max_vcpus=0,
            job_definitions={"kedro_run_large": JobDefinitionSettings()},
        ) as aws,
    ):
        state = State(project, aws.storage, command.name)
        state.load()
        yield aws, Service(aws.service_prefix, aws.client("lambda")), state


@pytest.mark.long
@pytest.mark.parametrize("lost", [False, True], ids=["jobs in flight", "and a claim without a job"])
def test_a_run_that_was_cut_off_is_settled_at_once(tmp_path: Path, lost: bool) -> None:
    with begun(tmp_path) as (aws, service, state):
        run_id = service.start_run({}).run_id
        before = replace(service.describe_run(run_id), now=LAST_SEEN)
        state.save(before)
        if lost:
            forget_job(aws, run_id)
            state.save(before)
    assert kept_run(tmp_path, run_id).state.reason == CUT_OFF  # type: ignore[union-attr]  # it is kept

    with begun(tmp_path) as (aws, service, _):
        assert settle(tmp_path, aws) == [run_id]
        assert settle(tmp_path, aws) == []
        state_now = service.describe_run(run_id)
        assert (state_now.status, state_now.reason, state_now.settled) == ("CANCELLED", CUT_OFF, True)
        assert {group.status for group in state_now.groups} <= {"CANCELLED", "SKIPPED"}
        kept = kept_run(tmp_path, run_id)
        assert kept is not None
        assert (kept.state.status, kept.state.ended_at) == ("CANCELLED", LAST_SEEN)
        assert service.start_run({"resume_from": run_id}).nodes == before.nodes_total


def forget_job(aws: EmbeddedAws, run_id: str) -> None:
    """Leave only those records of a job's submission that an invocation writes before it dies."""
    (table,) = aws.client("dynamodb").list_tables()["TableNames"]
    items = aws.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    keys = [{"pk": item["pk"], "sk": item["sk"]} for item in items if run_id in item["pk"].get("S", "")]
    jobs = [key for key in keys if key["sk"]["S"].startswith("job#")]
    (shard,) = (key for key in keys if key["sk"]["S"].startswith("shard#"))
    assert jobs
    for key in jobs:
        aws.client("dynamodb").delete_item(TableName=table, Key=key)
    aws.client("dynamodb").update_item(TableName=table, Key=shard, UpdateExpression="REMOVE submitted")
