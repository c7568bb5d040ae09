"""`status`, `list`, `logs`, `cancel` and `resume` against a deployed service, in the test's own process."""

from __future__ import annotations

import json
import os
import pickle
import re
import time
from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.cli.options import Where
from kedro_aws_batch.cli.resuming import resuming
from kedro_aws_batch.errors import KedroAwsBatchError

from . import commands
from .deployed import CATALOG, PREFIX, REGISTRY, SERVED, deployed
from .project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from .deployed import Deployed


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed(tmp_path) as service:
        os.environ.update(service.aws.environment)  # undone by the fixture of all these tests
        monkeypatch.chdir(service.project)
        yield service


def call(*words: str, service: str | None = PREFIX) -> Result:
    return commands.call(*words, *([f"--service={service}"] if service else []))


def wait_for(sign: Path) -> None:
    deadline = time.monotonic() + 60
    while not sign.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_run_is_looked_at_read_cancelled_and_resumed(there: Deployed) -> None:
    assert "There are no runs yet." in call("status").stderr
    first = there.service.start_run({"params": {"way": "sleep"}, "description": "[red]slow\x1b[31m"}).run_id
    wait_for(there.project / "shared/sleeping")

    status = call("status", service=None)  # by the project's parameters
    assert status.exit_code == 0, status.output
    lines = status.output.splitlines()
    assert re.match(rf"Run {first} RUNNING: 3 nodes in 3 jobs, 1 succeeded, 1 waiting, 1 running\.$", lines[0])
    assert re.fullmatch(r"running for [\d.]+ s; time left: not known yet; cost not known", lines[1])
    assert [re.split(r"\s{2,}|(?<=G) +", line)[0] for line in lines[2:]] == ["RUNNING", "WAITING", "SUCCEEDED"]
    told = json.loads(call("status", first[:-4], "--json").output)
    assert (told["run_id"], told["status"], told["groups"][1]["nodes"]) == (first, "RUNNING", ["second"])
    assert told["request"]["params"] == {"way": "sleep"}

    listed = call("list").output
    assert re.search(rf"^{first} +RUNNING +[\d.]+ s +\? +\? +1/3 +__default__ · \[red\]slow$", listed, re.MULTILINE), (
        listed
    )
    assert json.loads(call("list", "--status=failed", "--json").output) == []
    (one,) = json.loads(call("list", "--json").output)
    assert (one["run_id"], one["counts"]["RUNNING"], one["cost"]) == (first, 1, None)
    assert "give one of them" in call("list", "--json", "--watch").stderr

    logs = call("logs", first[:-2])
    assert re.search(r"^first +\| kedro run --nodes=first ", logs.output, re.MULTILINE), logs.output
    assert re.search(r"^second +\| kedro run --nodes=second .*--params=way=…", logs.output, re.MULTILINE)
    only = call("logs", "first").output.splitlines()
    assert only[0].startswith("kedro run --nodes=first")
    assert "Did you mean 'first'?" in call("logs", "frist").stderr
    assert call("logs", "third").stderr == "No log yet: the job is WAITING.\n"

    cancelled = call("cancel", "--reason=enough")
    assert cancelled.output == f"Run {first} is CANCELLED. To resume it: kedro aws-batch resume {first}\n"
    assert there.ended(first).reason == "enough"
    assert "No run is RUNNING: the latest" in call("cancel").stderr

    (there.project / "shared/wake").touch()
    rehearsed = call("resume", "--dry-run", "--params=way=on")
    assert rehearsed.exit_code == 0, rehearsed.output
    assert rehearsed.stdout.splitlines() == [
        "Would run 2 nodes in 2 jobs; nothing is started.",
        "  again: second (it has not succeeded, and parameter 'way' has changed)",
        "  again: third (it has not succeeded)",
        "  taken over: first",
    ]
    assert [run["run_id"] for run in json.loads(call("list", "--json").output)] == [first]
    resumed = call("resume", "--params=way=on")
    assert resumed.exit_code == 0, resumed.output
    assert re.search(r"^Run \S+: 2 nodes in 2 jobs$", resumed.output, re.MULTILINE)
    assert f"Resuming run {first}…\n" in resumed.stderr
    nothing = call("resume", "--detach")
    assert (nothing.exit_code, f"No run is left to resume: {first} CANCELLED" in nothing.stderr) == (1, True)
    ambiguous = call("status", first[:8])
    assert (ambiguous.exit_code, "begin with" in ambiguous.stderr) == (1, True)


def test_logs_are_followed_until_the_run_ends_and_watching_ends_as_the_run_does(there: Deployed) -> None:
    run_id = there.service.start_run({"params": {"way": "fail"}}).run_id
    followed = call("logs", run_id, "second", "--follow")
    assert followed.exit_code == 0, followed.output
    assert "RuntimeError: it went wrong" in followed.output
    assert "\x1b" not in followed.output
    there.ended(run_id)
    assert call("logs", run_id, "--since=0s").output == call("logs", run_id).output
    assert call("logs", run_id, "--since=soon").exit_code == 2
    entries = [json.loads(line) for line in call("logs", run_id, "second", "--json").output.splitlines()]
    assert {(entry["node"], entry["attempt"]) for entry in entries} == {("second", 1)}
    watched = call("status", run_id, "--watch")
    assert watched.exit_code == 1
    assert re.search(r"^FAILED +[\d.]+ s +second$", watched.output, re.MULTILINE)
    assert f"To resume it: kedro aws-batch resume {run_id}\n" in watched.output
    plain = call("status", run_id).output
    assert re.search(r"^FAILED +[\d.]+ s +second +RuntimeError: .*\(pipeline_registry.py:\d+\)$", plain, re.MULTILINE)


def test_the_page_s_button_resumes_as_the_command_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = REGISTRY.replace("def make():", "def make(raw):").replace("node(make, None,", 'node(make, "raw",')
    sources = Sources(registry, {**CATALOG, "raw": pickled("s3://bucket/raw.pkl")}, SERVED, {"way": "on"})
    with deployed(tmp_path, sources) as there:
        os.environ.update(there.aws.environment)
        monkeypatch.chdir(there.project)
        s3 = there.aws.client("s3")
        s3.put_object(Bucket="bucket", Key="raw.pkl", Body=pickle.dumps(1))
        failed = there.ended(there.service.start_run({"params": {"way": "fail"}}).run_id)
        assert [group.status for group in failed.groups] == ["SUCCEEDED", "FAILED", "SKIPPED"]
        time.sleep(1)  # S3 tells seconds
        s3.put_object(Bucket="bucket", Key="raw.pkl", Body=pickle.dumps(2))
        resume = resuming(Where(local=False, environment="aws_batch", conf_source=None, service=PREFIX), there.service)
        assert resume is not None
        again = there.ended(resume(failed.run_id))
        assert again.resumed_from == failed.run_id
        assert again.resumed is not None
        assert "'raw' is newer" in again.resumed["again"]["first"]

        (nodes,) = there.project.glob("src/*/pipeline_registry.py")
        nodes.write_text(nodes.read_text().replace('name="third"', 'name="another"'))
        with pytest.raises(KedroAwsBatchError, match="This project is not what was deployed"):
            resume(again.run_id)


def test_whatever_starts_a_run_says_that_its_queue_takes_no_jobs(there: Deployed) -> None:
    failed = there.ended(there.service.start_run({"params": {"way": "fail"}}).run_id).run_id
    there.aws.client("batch").update_job_queue(jobQueue=there.aws.job_queue, state="DISABLED")

    for words in (("run",), ("run", "--detach"), ("resume", failed)):
        refused = call(*words)
        assert refused.exit_code == 1
        assert refused.stderr == (
            "Opening the project in environment 'aws_batch'…\n"
            "Error: No run was started. The job queue 'main_queue' is DISABLED, so it takes no jobs. Enable it: "
            "aws batch update-job-queue --job-queue=main_queue --state=ENABLED\n"
        )
    assert [run.run_id for run in there.service.list_runs()] == [failed]


@pytest.mark.usefixtures("there")
def test_a_service_that_is_not_there_is_one_sentence() -> None:
    missing = call("list", service="elsewhere")
    assert missing.exit_code == 1
    assert missing.stderr == (
        "Error: There is no function 'elsewhere-list_runs' in us-east-1 in this account. Deploy the service "
        "(`kedro aws-batch deploy`). If it is elsewhere (see serverless.yml), set AWS_REGION or AWS_PROFILE. If "
        "it has another name, set aws_batch.service.\n"
    )


def test_a_run_that_is_stuck_says_since_when_why_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = {"nodes": {"first": {"vcpus": 5000, "memory": 2000}}}
    sources = Sources(REGISTRY, CATALOG, {**SERVED, "resources": resources}, {"way": "on"})
    with deployed(tmp_path, sources) as there:
        os.environ.update(there.aws.environment)
        monkeypatch.chdir(there.project)
        run_id = there.service.start_run({}).run_id
        deadline = time.monotonic() + 60
        while not there.service.describe_run(run_id).blocked:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        lines = call("status").output.splitlines()
        stuck = r"first asks for 5000 vCPUs, 2000 MiB and waits at the head of main_queue, since [\d.]+ s: MISCONF.*"
        assert re.fullmatch(stuck + r" Raise its maxvCpus, or lower the node's resources in .*", lines[2]), lines
        assert re.fullmatch(r"SUBMITTED +[\d.]+ s  first  RUNNABLE: waits for a machine", lines[3]), lines
        assert call("logs", "first").stderr == "No log yet: the job is SUBMITTED.\n"
        there.service.cancel_run(run_id)
        there.ended(run_id)
