"""The references in docs/ say what the code says. With UPDATE_DOCS=1 in the environment, commands.md is written."""

from __future__ import annotations

import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from kedro_aws_batch._service.dag.configuration import RUN
from kedro_aws_batch._service.dag.resources import KEYS
from kedro_aws_batch._service.dag.rules import Rule
from kedro_aws_batch.cli import COMMANDS, aws_batch
from kedro_aws_batch.graph.config import PLUGIN

DOCS = Path(__file__).parents[2] / "docs"
HEAD = """\
# Commands

What `kedro aws-batch … --help` says, for reading in one place; a test holds the two together.

RUN is always a run's id, or as much of its beginning as only one run has; left out, it is the latest.

To complete commands and options with the tab key, put into `~/.bashrc` what this prints (Kedro logs a line before it):
`_KEDRO_COMPLETE=bash_source kedro | sed -n '/()/,$p'`. For zsh and fish it is `zsh_source` and `fish_source`.

| command | |
|---|---|
"""


def commands_page() -> str:
    listed = "".join(f"| [`{name}`](#{name}) | {help_} |\n" for name, help_ in COMMANDS.items())
    return HEAD + listed + "".join(f"\n## {name}\n```text\n{_help(name)}\n```\n" for name in COMMANDS)


def _help(name: str) -> str:
    settings: dict[str, Any] = {**aws_batch.context_settings, "terminal_width": 110, "max_content_width": 110}
    context = click.Context(aws_batch, info_name="kedro aws-batch", **settings)
    command = aws_batch.get_command(context, name)
    assert command is not None
    own = click.Context(command, info_name=name, parent=context)
    return "\n".join(line.rstrip() for line in command.get_help(own).splitlines())


@pytest.mark.skipif(
    tuple(map(int, version("click").split(".")[:2])) < (8, 2),
    reason="help shows choices in another way before click 8.2",
)
def test_the_command_reference_is_the_commands_own_help() -> None:
    file = DOCS / "commands.md"
    if os.environ.get("UPDATE_DOCS"):
        file.write_text(commands_page(), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == commands_page()


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """Return of a table below a heading each key's default and example."""
    text = (DOCS / "configuration.md").read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| (.+?) \| `(.+?)` \| .+ \|$", text, re.MULTILINE)
    return {key: (default.strip("`"), example) for key, default, example in found}


RULES: dict[str, dict[str, Rule]] = {
    "Runs": {key: setting.rule for key, setting in {**RUN, **PLUGIN}.items()},
    "Resources": {name: key.rule for name, key in KEYS.items()},
}


@pytest.mark.parametrize("heading", RULES)
def test_every_key_of_the_configuration_is_documented_and_no_other(heading: str) -> None:
    assert set(rows(heading)) - {"resources"} == set(RULES[heading])


@pytest.mark.parametrize(("heading", "key"), [(heading, key) for heading in RULES for key in RULES[heading]])
def test_every_example_in_the_reference_is_right(heading: str, key: str) -> None:
    assert RULES[heading][key](yaml.safe_load(rows(heading)[key][1])) is None


def test_the_defaults_in_the_reference_are_the_code_s() -> None:
    documented = rows("Runs")
    words: dict[Any, str] = {"none": "null", "required": "null"}
    for key in (*RUN, "service", "shared_paths"):
        said = documented[key][0]
        assert yaml.safe_load(words.get(said, said)) == {**RUN, **PLUGIN}[key].default, key


def test_the_figures_of_the_first_page_are_measured_ones() -> None:
    measured = {
        (shape, driver): (wall, calls)
        for shape, seconds, driver, wall, _, calls, *_ in (
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in (DOCS / "performance.md").read_text(encoding="utf-8").splitlines()
            if line.count("|") == 9
        )
        if seconds == "5"
    }
    page = (DOCS / "index.md").read_text(encoding="utf-8")
    told = re.findall(
        r"^\| .*: seconds \| (\S+) \| (\S+) \|\n\| … and calls .* \| (\S+) \| (\S+) \|$", page, re.MULTILINE
    )
    shapes = ("1→198→1", "10 layers of 20")
    assert told == [
        tuple(measured[shape, driver][which] for which in (0, 1) for driver in ("polling 20", "ours"))
        for shape in shapes
    ]
