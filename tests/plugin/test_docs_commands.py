"""Each command that the docs have somebody type is one that exists, with options that it takes."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import botocore.session
import click
import pytest
from botocore import xform_name
from kedro.framework.cli.project import run as kedro_run

from kedro_aws_batch.cli import COMMANDS, aws_batch

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What ends a command.
ENDS = {"|", "||", "&&", ";", "(", ")", "{", "}"}
#: The AWS CLI's own commands and options, which botocore knows nothing of.
OWN = {
    ("cloudformation", "deploy"): {"template-file", "stack-name", "parameter-overrides", "capabilities"},
    ("ecr", "get-login-password"): set[str](),
    ("lambda", "invoke"): {"cli-binary-format"},
}
GLOBAL = {"query", "output", "region", "profile"}
OSLS = {"deploy", "info", "invoke", "logs", "remove"}


def commands_of(line: str) -> list[list[str]]:
    """Return the commands in a line of a shell, each as its words."""
    lexer = shlex.shlex(re.sub(r"<[^<>]*>", "X", line), posix=True, punctuation_chars=True)
    lexer.wordchars += ":,=[]@%+^$"
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in ENDS or set(word) <= set("();|&"):
            found.append([])
        elif found[-1] or not re.fullmatch(r"\w+=.*", word):
            found[-1].append(word)
    return [words for words in found if words]


def typed(page: Path) -> list[list[str]]:
    """Return the commands in a page's blocks of a console."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^( *)```(?:console|bash|sh)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for _, block in blocks for line in block.splitlines()]
    return [words for line in lines if line.startswith("$ ") for words in commands_of(line[2:])]


def named(page: Path) -> list[list[str]]:
    """Return the commands of this plugin that a page's sentences name in full: those with anything after the name."""
    found = re.findall(r"`(?:kedro aws-batch|python -m kedro_aws_batch) ([^`\n]+)`", page.read_text(encoding="utf-8"))
    return [words for text in found if "…" not in text and "{" not in text for words in commands_of(text)[:1]]


def parse(words: list[str]) -> None:
    """Have click parse a command of the plugin, without running it."""
    name, *more = words
    group = click.Context(aws_batch, info_name="aws-batch", **aws_batch.context_settings)
    command = aws_batch.get_command(group, name)
    assert command is not None, f"there is no command '{name}'"
    with command.make_context(name, [word for word in more if word not in ("-h", "--help")], parent=group):
        pass


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_plugin_s_commands_are_typed_right(page: Path) -> None:
    for words in typed(page):
        if words[:2] == ["kedro", "aws-batch"]:
            parse(words[2:])
        elif words[:3] == ["python", "-m", "kedro_aws_batch"]:
            parse(words[3:])
        elif words[:2] == ["kedro", "run"]:
            kedro_run.make_context("run", words[2:])
    for words in named(page):
        parse(words)


@cache
def parameters_of(service: str, command: str) -> set[str]:
    """Return the options that the AWS CLI makes of an operation's parameters."""
    session = botocore.session.get_session()
    model = session.get_service_model("logs" if service == "logs" else service)
    operation = next(each for each in model.operation_names if xform_name(each, "-") == command)
    shape = model.operation_model(operation).input_shape
    return {xform_name(member, "-") for member in shape.members} if shape else set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_aws_cli_s_commands_are_typed_right(page: Path) -> None:
    for words in (words for words in typed(page) if words[0] == "aws"):
        service, command = words[1:3]
        options = {word[2:].partition("=")[0] for word in words[3:] if word.startswith("--")} - GLOBAL
        extra = OWN.get((service, command), set())
        if options - extra:
            assert options - extra <= parameters_of(service, command), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_other_tools_have_the_commands(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in typed(page):
        if words[:2] == ["npx", "osls"]:
            assert words[2] in OSLS, words
        elif words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, words


def test_that_there_are_such_commands_at_all() -> None:
    """A way to read pages that found nothing would find nothing wrong."""
    all_typed = [words for page in PAGES for words in typed(page)]
    ours = {words[2] for words in all_typed if words[:2] == ["kedro", "aws-batch"]}
    assert len([words for words in all_typed if words[0] == "aws"]) > 15
    assert ours >= {"init", "check", "run", "deploy", "status", "logs", "list", "cancel", "resume", "redrive", "remove"}
    assert ours <= set(COMMANDS)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('A=$(aws sqs get-queue-attributes --queue-url "$(queue X)") # why', [["aws", "sqs"]]),
        ("kedro aws-batch status | jq .counts", [["kedro", "aws-batch"], ["jq", ".counts"]]),
    ],
)
def test_how_lines_are_read(line: str, words: list[list[str]]) -> None:
    assert [each[:2] for each in commands_of(line) if each[0] != "A=$"] == words


@pytest.mark.parametrize("words", [["nosuch"], ["run", "--nosuch"], ["status", "one", "two"], ["list", "--status=odd"]])
def test_a_command_that_is_typed_wrong_is_found(words: list[str]) -> None:
    with pytest.raises((AssertionError, click.ClickException)):
        parse(words)
