"""Runs that EventBridge starts, on the embedded AWS: start_run itself asks S3, and what has not changed doesn't run."""

from __future__ import annotations

import pickle
import re
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.client import Service
from kedro_aws_batch.graph.compile import compile_project, to_json
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.local import EmbeddedAws, service_root
from kedro_aws_batch.local.gateway import Gateway
from kedro_aws_batch.package.schedules import read_schedules

from ..local.support import until
from .project import CONFIGURATION, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.local.loopback import Request, Response

    Make = Callable[[Sources], Path]

REGISTRY = """
def register_pipelines():
    first, second = node(same, "raw", "middle", name="first"), node(same, "middle", "final", name="second")
    return {"__default__": pipeline([first, second])}
"""
CATALOG = {
    "raw": pickled("s3://flights/in/raw.pkl"),
    "middle": {**pickled("s3://flights/out/middle.pkl"), "versioned": True},
    "final": pickled("s3://flights/out/final.pkl"),
}
SCHEDULES = """
- schedule: cron(0 3 * * ? *)
- schedule: cron(0 4 ? * SUN *)
  reuse: false
"""


class Scheduled:
    """The project's service, whose schedules fire when a test says so."""

    def __init__(self, project: Path, folder: Path) -> None:
        compiled = compile_project(open_project(Opening(path=project)))
        (folder / "graph.json").write_text(to_json(compiled.signed), encoding="utf-8")
        (folder / "schedules.yml").write_text(SCHEDULES, encoding="utf-8")
        schedules = read_schedules(folder / "schedules.yml", compiled.read, "0123")
        self.aws = EmbeddedAws(
            service=service_root(),
            graph_document=folder / "graph.json",
            jobs_cwd=project,
            job_queue="main_queue",
            job_definition="kedro_run",
            packaged={**schedules.packaged(), "scheduleMark": "0123", "reuseBuckets": "flights/in,flights/out"},
        )

    def fire(self, hour: int) -> RunState:
        """Fire the schedule of an hour, and return its run in its end, when its jobs are over."""
        service = Service(self.aws.service_prefix, self.aws.client("lambda"))
        rules = self.aws.client("events").list_rules()["Rules"]
        (rule,) = [one["Name"] for one in rules if one.get("ScheduleExpression", "").startswith(f"cron(0 {hour} ")]
        before = {run.run_id for run in service.list_runs()}
        self.aws.fire(rule)
        (run_id,) = until(lambda: {run.run_id for run in service.list_runs()} - before, 60)
        until(lambda: service.describe_run(run_id).settled, 60)
        return service.describe_run(run_id)


def test_a_scheduled_run_of_what_has_not_changed_starts_no_job(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = {**CONFIGURATION, "reuse": True}
    scheduled = Scheduled(make_project(Sources(REGISTRY, CATALOG, configuration)), tmp_path)
    asked: list[str] = []
    answer = Gateway.__call__

    def listen(gateway: Gateway, request: Request) -> Response:
        if "app/start_run" in request.header("User-Agent") and "/flights" in request.target:
            asked.append(f"{request.method} {request.target}")
        return answer(gateway, request)

    monkeypatch.setattr(Gateway, "__call__", listen)
    with scheduled.aws as aws:
        _name_its_calls(aws)
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="flights")
        s3.put_object(Bucket="flights", Key="in/raw.pkl", Body=pickle.dumps(21))

        first = scheduled.fire(3)
        assert (first.status, first.nodes_total) == ("SUCCEEDED", 2)
        assert set(dict(first.resumed or {})["again"].values()) == {"no run that is known has made it"}
        assert len(asked) == 3
        assert all(re.match(r"GET /flights\?list-type=2&prefix=", one) for one in asked)

        second = scheduled.fire(3)
        assert (second.status, second.nodes_total, dict(second.resumed or {})["reused_total"]) == ("SUCCEEDED", 0, 2)

        anew = scheduled.fire(4)
        assert (anew.status, anew.nodes_total, anew.resumed) == ("SUCCEEDED", 2, None)
        assert dict(scheduled.fire(3).resumed or {})["runs"] == {anew.run_id: 2}

        s3.put_object(Bucket="flights", Key="in/raw.pkl", Body=pickle.dumps(5))
        last = scheduled.fire(3)
        assert (last.nodes_total, dict(last.resumed or {})["again"]["first"]) == (2, "'raw' has changed in its storage")
        assert s3.get_object(Bucket="flights", Key="out/final.pkl")["Body"].read() == pickle.dumps(5)


def _name_its_calls(aws: EmbeddedAws) -> None:
    client, name = aws.client("lambda"), aws.function_name("start_run")
    variables: Any = client.get_function(FunctionName=name)["Configuration"]["Environment"]["Variables"]
    told: Any = {**variables, "AWS_SDK_UA_APP_ID": "start_run"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": told})
