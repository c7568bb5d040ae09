"""What several parts know stands in one of them, and a name says one thing."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from dag import records, status, variables
from dag.document import MOST_GROUPS
from dag.limits import ARRAY_SIZE, ATTEMPTS
from runs.description import PAGE

ROOT = Path(__file__).parents[1]
SCHEMAS = {file.stem: json.loads(file.read_text()) for file in (ROOT / "handlers/schemas").glob("*.json")}
FOLDERS = ("dag", "adapters", "runs", "handlers", "src")
FILES = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")) if "_service" not in file.parts]
TREES = {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text()) for file in FILES}
#: It is run by its path, in an interpreter that finds nothing of ours, so it has its own.
ALONE = "src/kedro_aws_batch/local/bootstrap.py"


def texts_of(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_name_of_an_environment_variable_stands_once() -> None:
    names = {value for name, value in vars(variables).items() if name.isupper()}
    assert names
    found = {place: names & texts_of(tree) for place, tree in TREES.items() if place != "dag/variables.py"}
    assert {place: found[place] for place in found if found[place]} == {}


def says_much(value: ast.expr) -> bool:
    """Whether a constant's value is more than a word or a number that two things may share."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) == "re.compile"
    if isinstance(value, (ast.Tuple, ast.List)):
        return len(value.elts) > 1 and all(isinstance(each, ast.Constant) for each in value.elts)
    return (
        isinstance(value, ast.Constant) and isinstance(value.value, str) and not re.fullmatch(r"[a-z_]*", value.value)
    )


def test_a_constant_stands_in_one_module() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for place, tree in TREES.items():
        for statement in tree.body if place != ALONE else ():
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value and says_much(statement.value):
                found[ast.unparse(statement.value)].add(place)
    assert found
    assert {value: places for value, places in found.items() if len(places) > 1} == {}


@pytest.mark.parametrize(
    ("function", "field", "says"),
    [
        ("list_runs", "limit", {"minimum": 1, "maximum": records.MOST_LISTED}),
        ("list_runs", "status", {"enum": [each.value for each in status.RunStatus]}),
        ("describe_run", "limit", {"minimum": 1, "maximum": PAGE}),
        ("next_group", "index", {"minimum": 0, "maximum": ARRAY_SIZE.most - 1}),
        ("next_group", "epoch", {"minimum": ATTEMPTS.least, "maximum": ATTEMPTS.most}),
        ("next_group", "done", {"minimum": 0, "maximum": MOST_GROUPS}),
    ],
)
def test_a_schema_has_the_limits_of_dag(function: str, field: str, says: dict[str, Any]) -> None:
    declared = SCHEMAS[function]["properties"][field]
    assert {key: declared.get(key) for key in says} == says


def test_a_class_or_a_function_has_its_name_to_itself() -> None:
    """What several modules have in one role aside: the handlers, the commands, and what is run as a program."""
    found: dict[str, set[str]] = defaultdict(set)
    for place, tree in TREES.items():
        for statement in tree.body if place != ALONE else ():
            if isinstance(statement, (ast.ClassDef, ast.FunctionDef)) and not statement.name.startswith("_"):
                found[statement.name].add(place)
    assert found
    shared = {name: places for name, places in found.items() if len(places) > 1}
    assert shared.keys() <= {"handler", "command", "main"}, shared
