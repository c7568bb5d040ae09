"""The recipes of docs/notifications.md: real announcements go through their rules on the embedded AWS."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastjsonschema
import pytest
import yaml

from adapters.announcements import EventBusAnnouncements
from kedro_aws_batch.local import EmbeddedAws
from runs.messages import take
from tests.local.support import messages, unique
from tests.runs.stage import Stage
from tests.simulation.graphs import chain, document

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/notifications.md").read_text(encoding="utf-8")
RECIPES = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
EXAMPLE = json.loads(re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])
PATTERNS = {what: json.loads(detail) for what, detail in re.findall(r"^\| (.+?) \| `(\{.*\})` \|$", PAGE, re.MULTILINE)}
MAIL, CHAT, NEXT = (recipe["Resources"]["Rule"]["Properties"] for recipe in RECIPES)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(jobs_cwd=tmp_path_factory.mktemp("project")) as running:
        yield running


@pytest.fixture(scope="module")
def announced() -> list[dict[str, Any]]:
    """The service's announcements of a run that succeeds, one that fails, and one whose jobs can't start."""
    details: list[Any] = []
    for ending in ("SUCCEEDED", "FAILED", "blocked"):
        stage = Stage(document(chain(2)))
        stage.start()
        if ending == "SUCCEEDED":
            stage.finish_all()
        elif ending == "FAILED":
            stage.finish(0, exit_code=1)
        else:
            stage.job(0).waits_for = 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - "none" left'
            event = {"detail-type": "Batch Job Queue Blocked", "detail": stage.job(0).detail()}
            take(stage.dispatcher, [{"messageId": "m", "body": json.dumps(event)}])
        details += stage.announced
    return [dict(detail) for detail in details]


def deliver(aws: EmbeddedAws, details: list[dict[str, Any]], rule: dict[str, Any]) -> list[Any]:
    """Return what a queue gets for these announcements, if it replaces the rule's target."""
    name, sqs, events = unique("recipe"), aws.client("sqs"), aws.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    own = {key: value for key, value in rule.get("Targets", [{}])[0].items() if key.startswith("Input")}
    target: Any = {"Id": "queue", "Arn": arn, **own}
    events.put_rule(Name=name, EventPattern=json.dumps(rule["EventPattern"]))
    events.put_targets(Rule=name, Targets=[target])
    for detail in details:
        EventBusAnnouncements(events, "default").announce(detail)
    EventBusAnnouncements(events, "default").announce({"status": "of another test"})
    received = messages(aws, url, wait=1)
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    return received


def heard(aws: EmbeddedAws, details: list[dict[str, Any]], pattern: dict[str, Any]) -> list[tuple[str, bool]]:
    """Return the status of each announcement that a pattern matches, and whether it is about jobs that can't start."""
    whole = {"source": ["kedro.aws-batch"], "detail-type": ["Kedro Run State Change"], "detail": pattern}
    found = [event["detail"] for event in deliver(aws, details, {"EventPattern": whole})]
    return [(detail["status"], "blocked" in detail) for detail in found]


def test_the_example_has_the_fields_of_an_announcement(announced: list[dict[str, Any]]) -> None:
    assert EXAMPLE["detail"].keys() == announced[0].keys()
    assert EXAMPLE["detail"]["counts"].keys() == announced[0]["counts"].keys()


def test_each_pattern_hears_what_it_says(aws: EmbeddedAws, announced: list[dict[str, Any]]) -> None:
    start, succeeded, failed, blocked = ("RUNNING", False), ("SUCCEEDED", False), ("FAILED", False), ("RUNNING", True)
    assert [(each["status"], "blocked" in each) for each in announced] == [
        start,
        succeeded,
        start,
        failed,
        start,
        blocked,
    ]
    long = [
        {**announced[1], "duration_ms": 3_600_001, "project": "spaceflights", "pipelines": ["other", "data_science"]}
    ]
    assert {what: heard(aws, announced + long, pattern) for what, pattern in PATTERNS.items()} == {
        "starts": [start] * 3,
        "any end": [succeeded, failed, succeeded],
        "failures": [failed],
        "jobs that can't start": [blocked],
        "one project": [succeeded],
        "one pipeline": [succeeded],
        "runs of over an hour": [succeeded],
    }


def test_a_mail_is_sent_of_a_failure_with_its_reason_whatever_is_in_it(
    aws: EmbeddedAws, announced: list[dict[str, Any]]
) -> None:
    announced = [
        {**each, "reason": 'quoted "so"\nand\\so' if each["status"] == "FAILED" else None} for each in announced
    ]
    failed = announced[3]
    assert deliver(aws, announced, MAIL) == [
        {
            "Kedro run failed": failed["run_id"],
            "project": failed["project"],
            "reason": 'quoted "so"\nand\\so',
            "jobs": failed["counts"],
        }
    ]


def test_a_chat_is_told_of_every_end(aws: EmbeddedAws, announced: list[dict[str, Any]]) -> None:
    told = deliver(aws, announced, CHAT)
    ends = [each for each in announced if each["status"] != "RUNNING"]
    assert told == [
        {
            "text": f"Kedro run {each['run_id']} of {each['project']}: {each['status']}",
            "attachments": [{"text": each["reason"]}],
        }
        for each in ends
    ]


def test_the_next_pipeline_is_started_once_by_what_comes_before_it_and_by_nothing_else(
    aws: EmbeddedAws, announced: list[dict[str, Any]]
) -> None:
    ours = {"project": "spaceflights"}
    before = {**announced[1], **ours, "pipelines": ["data_processing"]}
    others = [{**announced[1], **ours, "pipelines": ["data_science"]}, {**before, "status": "FAILED"}, announced[1]]
    requests = deliver(aws, [before, *others, before], NEXT)
    schema = json.loads((ROOT / "handlers/schemas/start_run.json").read_text(encoding="utf-8"))
    valid = fastjsonschema.compile(schema)
    assert [valid(request)["pipelines"] for request in requests] == [["data_science"]] * 2
    assert len({request["idempotency_key"] for request in requests}) == 1


@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_a_recipe_is_a_sound_template(tmp_path: Path, number: int) -> None:
    file = tmp_path / "template.yml"
    file.write_text(yaml.safe_dump(RECIPES[number]), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", "eu-central-1", "--template", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_each_recipe_comes_with_the_command_that_deploys_it() -> None:
    commands = re.findall(r"^\$ aws cloudformation deploy (.*)$", PAGE, re.MULTILINE)
    files = re.findall(r"^(?:.* )?[Ss]ave as `(\w+\.yml)`", PAGE, re.MULTILINE)
    assert len(files) == len(commands) == len(RECIPES) == 3
    for file, command, recipe in zip(files, commands, RECIPES, strict=True):
        parser = argparse.ArgumentParser()
        for option in ("--template-file", "--stack-name", "--capabilities"):
            parser.add_argument(option)
        parser.add_argument("--parameter-overrides", nargs="*")
        given = parser.parse_args(shlex.split(command))
        roles = any(one["Type"].startswith("AWS::IAM::") for one in recipe["Resources"].values())
        assert (given.template_file, given.capabilities) == (file, "CAPABILITY_IAM" if roles else None)
        assert {one.partition("=")[0] for one in given.parameter_overrides} == recipe["Parameters"].keys()
