"""Pipelines that are hard to distribute, run locally like a user's, against Kedro's own run in one process."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .project import CONFIGURATION, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[Sources], Path]

ODD = "Süd, [alt] (2)"
LONG = "n" + "a" * 199
CHAIN = 1_200
#: Commas, quotes, a line break, an emoji, text that a shell or OmegaConf would expand, and an escape.
NOTE = "a, \"b\" 'c'; d=e\n\t🦊 $HOME $(false) {x} \\ \x1b[31mred"

REGISTRY = f"""
import warnings
from functools import partial

def plus(some, x):
    return x + some

def size(x, note):
    return [x, note]

def join(*many):
    return list(many)

def register_pipelines():
    warnings.filterwarnings("ignore", message="The node producing outputs")  # a partial has no name of its own
    awkward = pipeline([
        node(same, "raw", "a", name="first", namespace={ODD!r}),
        node(lambda x: x * 2, "a", "b"),
        node(partial(plus, 3), "b", "c"),
        node(size, ["c", "params:note"], "größe", name="größe_日本"),
        node(same, "größe", "d", name={LONG!r}, namespace={ODD!r} + ".inner"),
    ])
    held = pipeline([
        node(same, "raw", "held", name="hold"),
        node(plus, ["raw", "held"], "unheld", name="let_go"),
    ])
    # `make` hands `shortcut` over in memory, and `detour` by a file: apart, each group would wait for the other.
    cycle = pipeline([
        node(lambda x: (x, x + 1), "raw", ["shortcut", "stored"], name="make"),
        node(partial(plus, 10), "stored", "returned", name="detour"),
        node(join, ["shortcut", "returned"], "both", name="meet"),
    ])
    links = ["raw", *(f"link{{n}}" for n in range(1, {CHAIN})), "end"]
    chain = pipeline([
        node(partial(plus, 1), made, link, name=f"n{{n}}") for n, (made, link) in enumerate(zip(links, links[1:]))
    ])
    return {{"__default__": awkward + held + cycle + chain}}
"""
STORED = ("raw", "a", "b", "c", "größe", "d", "unheld", "stored", "returned", "both", "end")
IN_ONE_PROCESS = """
import json, sys
from pathlib import Path
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path.cwd())
with KedroSession.create(project_path=Path.cwd(), runtime_params=json.loads(sys.argv[1])) as session:
    session.run()
"""


def calling(project: Path, *words: str) -> str:
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr
    return ended.stdout


def on_s3(project: Path) -> dict[str, Any]:
    place = project / ".kedro_aws_batch/local"
    objects = json.loads((place / "index.json").read_text())["objects"]["bucket"]
    return {key: pickle.loads((place / "objects" / etag).read_bytes()) for key, etag in objects.items()}  # noqa: S301


def on_disk(project: Path) -> dict[str, Any]:
    return {path.name: pickle.loads(path.read_bytes()) for path in (project / "data").iterdir()}  # noqa: S301


@pytest.fixture
def project(make_project: Make) -> Path:
    """A project with its files in data/ for a plain `kedro run`, and on S3 in the environment aws_batch."""
    local, remote = (
        {name: pickled(f"{root}/{place}.pkl") for place, name in enumerate(STORED)} for root in ("data", "s3://bucket")
    )
    made = make_project(Sources(REGISTRY, remote, dict(CONFIGURATION), {"note": "none"}, local))
    (made / "data").mkdir()
    (made / "data/0.pkl").write_bytes(pickle.dumps(20))
    return made


@pytest.mark.long
def test_what_is_hard_to_distribute_gives_what_one_process_gives(project: Path) -> None:
    (project / "params.json").write_text(json.dumps({"note": NOTE}), encoding="utf-8")

    printed = calling(project, "-m", "kedro_aws_batch", "run", "--local", "--params-file=params.json")
    calling(project, "-c", IN_ONE_PROCESS, json.dumps({"note": NOTE}))

    results = on_s3(project)
    assert results == on_disk(project)
    assert results["4.pkl"] == [43, NOTE]
    assert (results["6.pkl"], results["9.pkl"], results["10.pkl"]) == (40, [20, 31], 20 + CHAIN)
    state = json.loads(calling(project, "-m", "kedro_aws_batch", "status", "--local", "--json"))
    groups = sorted(group["nodes"] for group in state["groups"])
    assert [nodes for nodes in groups if len(nodes) > 1] == [
        ["hold", "let_go"],
        ["make", "detour", "meet"],
        [f"n{number}" for number in range(CHAIN)],
    ]
    alone = [nodes[0] for nodes in groups if len(nodes) == 1]
    assert [re.sub(r"__[0-9a-f]{8}$", "", name) for name in alone] == [
        "<lambda>",
        f"{ODD}.first",
        f"{ODD}.inner.{LONG}",
        "größe_日本",
        "partial(plus)",
    ]
    assert "1,210 nodes in 8 jobs, 8 succeeded." in printed
