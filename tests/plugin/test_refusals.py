"""Each command's message when AWS lacks what it needs, or refuses: one sentence, with what to do."""

from __future__ import annotations

import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from kedro_aws_batch.cli import aws_batch
from kedro_aws_batch.local import EmbeddedAws
from tests.packaging import packages

from .project import CONFIGURATION, REMOTE_CHAIN, Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

    from tests.forking import Interpreter

    Make = Callable[[Sources], Path]

COMMANDS = [("run",), ("status",), ("list",), ("logs",), ("cancel",), ("resume",)]
DEPLOY = ("deploy", "--param=batch=own")
pytestmark = packages
NO_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


class Refusing(BaseHTTPRequestHandler):
    """An AWS that refuses every request, in each protocol's own way."""

    code = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        xml = f"<ErrorResponse><Error><Code>{self.code}</Code><Message>No.</Message></Error></ErrorResponse>"
        body = xml if "x-www-form" in self.headers.get("Content-Type", "") else json.dumps({"message": "No."})
        self.send_response(404 if self.code == "ResourceNotFoundException" else 403)
        self.send_header("x-amzn-ErrorType", self.code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def project(make_project: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project that could be deployed, in a shell with credentials."""
    made = make_project(Sources(catalog=REMOTE_CHAIN, configuration={**CONFIGURATION, "service": "flights-dev"}))
    (made / "serverless.yml").write_text("# build/aws_batch\nparams: {default: {}}\n")
    (made / "node_modules/.bin").mkdir(parents=True)
    (made / "node_modules/.bin/osls").symlink_to("/bin/false")
    monkeypatch.chdir(made)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    values = {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "REGION": "eu-west-1", "EC2_METADATA_DISABLED": "true"}
    for name, value in values.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return made


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Refusing]]:
    handler = type("Handler", (Refusing,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield handler
    server.shutdown()
    server.server_close()


def call(*words: str) -> Result:
    return CliRunner().invoke(aws_batch, list(words))


def sentence(*words: str) -> str:
    """Return a refusing command's message: an error in one line, but for the line in which `run` says what it does."""
    result = call(*words)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    lines = [line for line in result.stderr.splitlines() if line]
    if words[0] == "run":
        assert re.fullmatch(r"Opening the project in environment '\w+'…", lines.pop(0)), result.stderr
    assert len(lines) == 1, result.stderr
    return lines[0].removeprefix("Error: ")


@pytest.mark.parametrize("words", [*COMMANDS, DEPLOY, ("check", "--aws")], ids=lambda words: words[0])
@pytest.mark.usefixtures("project")
def test_without_credentials_each_command_says_to_log_in(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NO_CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    said = sentence(*words)
    assert said.startswith("There are no AWS credentials to ")
    assert said.endswith("Log in, or set AWS_PROFILE.")


@pytest.mark.parametrize("words", [*COMMANDS, DEPLOY, ("check", "--aws")], ids=lambda words: words[0])
@pytest.mark.usefixtures("project")
def test_with_expired_credentials_each_command_says_to_log_in_again(
    refusing: type[Refusing], words: tuple[str, ...]
) -> None:
    refusing.code = "ExpiredTokenException"
    assert sentence(*words).startswith("Your AWS credentials have expired (ExpiredTokenException), so you can't ")


@pytest.mark.parametrize(
    ("words", "allow"),
    [
        *((words, "Allow lambda:InvokeFunction on it.") for words in COMMANDS),
        (("check", "--aws"), "Allow batch:DescribeJobQueues."),
        (DEPLOY, "Allow sts:GetCallerIdentity."),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.usefixtures("project")
def test_without_permission_each_command_names_the_action(
    refusing: type[Refusing], words: tuple[str, ...], allow: str
) -> None:
    refusing.code = "AccessDeniedException"
    assert sentence(*words).startswith("You may not ")
    assert sentence(*words).endswith(allow)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.usefixtures("project")
def test_where_the_service_is_not_deployed_each_command_names_the_region(
    refusing: type[Refusing], words: tuple[str, ...]
) -> None:
    refusing.code = "ResourceNotFoundException"
    told = sentence(*words)
    assert told.startswith("There is no function 'flights-dev-")
    assert " in eu-west-1 in this account. Deploy the service (`kedro aws-batch deploy`). If it is elsewhere " in told


@pytest.mark.parametrize("words", [*COMMANDS, ("check", "--aws")], ids=lambda words: words[0])
@pytest.mark.usefixtures("project")
def test_without_a_region_each_command_says_what_to_set(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    assert sentence(*words).startswith("AWS can't be called: You must specify a region. Set AWS_PROFILE, or AWS_REGION")


@pytest.mark.parametrize("words", [*COMMANDS, DEPLOY, ("check",), ("package",)], ids=lambda words: words[0])
@pytest.mark.usefixtures("project")
def test_an_environment_that_is_not_there_is_named_with_the_nearest(words: tuple[str, ...]) -> None:
    told = sentence(*words, "--env=aws_btch")
    assert told.startswith("There is no environment 'aws_btch' in ")
    assert "Did you mean 'aws_batch'?" in told


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_service_that_can_be_none_is_told_before_anything_is_asked(project: Path, words: tuple[str, ...]) -> None:
    file = project / "conf/aws_batch/parameters.yml"
    file.write_text(file.read_text().replace("flights-dev", "flights dev"))
    result = call(*words)
    assert (result.exit_code, "Traceback" in result.stderr) == (1, False)
    assert "aws_batch.service: must be 1 to 47 letters, digits, '-' and '_', not 'flights dev'." in result.stderr


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ExpiredTokenException", "Your AWS credentials have expired (ExpiredTokenException)"),
        ("UnrecognizedClientException", "Your AWS credentials are not valid (UnrecognizedClientException)"),
        ("AccessDeniedException", "You may not call 'flights-dev-start_run': No. Allow lambda:InvokeFunction on it."),
        ("ResourceNotFoundException", "There is no function 'flights-dev-start_run' in eu-west-1 in this account."),
    ],
)
def test_the_runner_ends_with_the_same_sentence(
    refusing: type[Refusing], project: Path, code: str, says: str, interpreter: Interpreter
) -> None:
    refusing.code = code
    words = ["kedro", "run", "--env=aws_batch", "--runner=kedro_aws_batch.AWSBatchRunner"]
    done = interpreter.run(words, project, {**os.environ, "COLUMNS": "300"}, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: {says}")
    assert "Traceback" not in done.stdout + done.stderr


def test_what_batch_has_not_or_has_disabled_is_found_before_anything_is_deployed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedAws(job_queue="main_queue", job_definition="kedro_run", region="eu-west-1") as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        batch = aws.client("batch")
        assert call("check", "--aws").exit_code == 0

        batch.update_job_queue(jobQueue="main_queue", state="DISABLED")
        assert call(*DEPLOY).stderr == (
            "Error: 1 problem to solve first:\n"
            "  1. job queue 'main_queue': is DISABLED, so it takes no jobs. "
            "Enable it: aws batch update-job-queue --job-queue=main_queue --state=ENABLED\n"
        )
        file = project / "conf/aws_batch/parameters.yml"
        file.write_text(file.read_text().replace("main_queue", "mian_queue").replace("kedro_run", "kedro_rum"))
        told = call("check", "--aws").stderr
        assert "job queue 'mian_queue': is not in eu-west-1 in this account. Did you mean 'main_queue'?" in told
        assert "job definition 'kedro_rum': has no active revision in eu-west-1 in this account. Did you mean" in told
        assert not (project / "build").exists()


def test_aws_is_asked_in_the_region_of_serverless_yml(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedAws(job_queue="main_queue", job_definition="kedro_run", region="us-west-2") as aws:
        for name, value in {**aws.environment, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}.items():
            monkeypatch.setenv(name, value)
        assert "job queue 'main_queue': is not in eu-west-1 in this account." in call("check", "--aws").stderr

        (project / "serverless.yml").write_text("# build/aws_batch\nparams: {dev: {region: us-west-2}}\n")
        assert call("check", "--aws").exit_code == 0

        (project / "serverless.yml").write_text("# build/aws_batch\nparams: {dev: {region: eu-west-1}}\n")
        assert "is not in eu-west-1" in call(*DEPLOY).stderr
        assert call(
            *DEPLOY, "--region=us-west-2", "--param=buckets=mine/part", "--param=reuse_buckets=mine"
        ).stderr.startswith("Warning: the catalog")
        packaged = json.loads((project / "build/aws_batch/dev/packaged.json").read_text())
        assert "arn:${AWS::Partition}:s3:::mine/part/*" in json.dumps(packaged["jobPolicies"])
        assert packaged["reuseBuckets"] == "mine"
