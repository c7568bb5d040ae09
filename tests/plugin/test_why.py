"""`kedro aws-batch why`: what a node is made of, where that comes from, and what of it differs from a run."""

from __future__ import annotations

import json
import os
import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.origins import GIVEN, Origin, Origins
from kedro_aws_batch.graph.project import open_project

from . import commands
from .deployed import PREFIX, deployed
from .project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Forked

    Make = Callable[[Sources], Path]

REGISTRY = """
from .nodes import clean, train

def register_pipelines():
    return {"__default__": pipeline([
        node(clean, ["raw", "params:rate"], "tidy", name="clean"),
        node(train, ["tidy", "params:model", "params:password"], "trained", name="train"),
    ])}
"""
MODULES = {
    "nodes.py": """\
from .helpers import scale
def clean(x, rate):
    return scale(x) * rate
def train(x, model, password):
    if model["fails"]:
        raise RuntimeError("it went wrong")
    return x
""",
    "helpers.py": "def scale(x):\n    return x * 2\n",
}
MODEL = {"alpha": 0.1, "fails": True}


def a_project(make_project: Make, package: str, **more: Any) -> Path:
    project = make_project(
        Sources(
            package=package,
            registry=REGISTRY,
            modules=MODULES,
            catalog={
                "raw": pickled("s3://bucket/raw.pkl"),
                "{any}": {
                    **pickled("s3://bucket/{any}.pkl"),
                    "credentials": {"key": "AKIDMINE", "secret": "my-secret"},
                },
            },
            parameters={"rate": 3, "model": MODEL},
            **more,
        )
    )
    (project / "conf/base/parameters.yml").write_text("rate: 1\npassword: hunter2\n")
    return project


def blocks(said: str) -> dict[str, list[str]]:
    """Return the rows of each block of an output, by its title, and the rest by ''."""
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line in said.splitlines():
        if re.fullmatch(r"(Code|Versions|Catalog entries|Parameters|Inputs):", line):
            title = line[:-1]
        elif title and line.startswith("  "):
            found.setdefault(title, []).append(line.strip())
        else:
            title = ""
            found[""].append(line)
    return found


def test_a_local_run_and_an_edit_are_explained_without_values(make_project: Make, forked: Forked) -> None:
    base = {"raw": pickled("data/raw.pkl")}
    project = a_project(make_project, "explained", base_catalog=base)
    (project / "data").mkdir()
    (project / "data/raw.pkl").write_bytes(pickle.dumps(21))

    before = forked(project, "why", "clean")
    assert before.returncode == 0, before.stderr
    assert not (project / ".kedro_aws_batch").exists()
    told = blocks(before.stdout)
    assert re.fullmatch(r"Node 'clean', signature [0-9a-f]{16}", told[""][0])
    assert told["Code"] == ["clean in explained/nodes.py", "explained/helpers.py"]
    assert re.search(r"\bPython 3\.\d+", told["Versions"][0])
    catalog = "conf/aws_batch/catalog.yml"
    assert told["Catalog entries"] == [f"raw   {catalog}", f"tidy  pattern '{{any}}' in {catalog}"]
    assert told["Parameters"] == ["params:rate  conf/aws_batch/parameters.yml"]
    assert told["Inputs"] == ["raw  no node makes it"]
    assert told[""][1:] == ["", "There is no run yet to compare it with."]

    failed = forked(project, "run")
    run_id = re.search(r"^Run (\S+): 2 nodes in 2 jobs$", failed.stdout, re.MULTILINE)[1]  # type: ignore[index]
    state = (project / ".kedro_aws_batch/local/items.jsonl").read_bytes()
    same = blocks(forked(project, "why", "clean").stdout)
    assert same[""][2:] == [f"Run {run_id}, where it SUCCEEDED, compared with the project here:", "  nothing differs"]
    assert re.fullmatch(rf"raw  no node makes it; written at {run_id[:10]}\S+Z", same["Inputs"][0])

    helpers = project / "src/explained/helpers.py"
    helpers.write_text(helpers.read_text().replace("* 2", "* 3"))
    why = "code of explained/helpers.py has changed"
    after = forked(project, "why", "train", f"--run={run_id[:-2]}", "--params=model.alpha=7777")
    assert (after.returncode, after.stderr.splitlines()) == (
        0,
        [
            "Opening the project in environment 'aws_batch'…",
            "Starting the embedded AWS on this machine…",
            "Inputs: 0 files uploaded to the embedded S3 (0.0 MB), 1 already there",
        ],
    )
    told = blocks(after.stdout)
    assert told["Parameters"] == [
        f"params:model     {GIVEN}, then conf/aws_batch/parameters.yml",
        "params:password  conf/base/parameters.yml",
    ]
    assert told["Inputs"] == ["tidy  made by 'clean'"]
    assert told[""][2:] == [
        f"Run {run_id}, where it FAILED, compared with the project here:",
        "  it has not succeeded, and parameter 'model' has changed",
        f"  again: clean ({why})",
    ]
    as_json = json.loads(forked(project, "why", "clean", "--json").stdout)
    assert as_json["run"] == {"run_id": run_id, "status": "SUCCEEDED", "why": why, "follows": {}}
    assert as_json["parameters"]["params:rate"]["places"] == ["conf/aws_batch/parameters.yml"]
    assert (project / ".kedro_aws_batch/local/items.jsonl").read_bytes() == state
    everything = before.stdout + after.stdout + json.dumps(as_json)
    assert not re.search(r"hunter2|my-secret|AKIDMINE|7777|0\.1\b", everything)


def test_a_node_that_there_is_not_is_refused_with_the_nearest(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(a_project(make_project, "unknown_node"))
    said = commands.call("why", "claen", "--local")
    assert (said.exit_code, said.stderr.splitlines()[-1]) == (
        1,
        "Error: The project has no node 'claen'. Did you mean 'clean'?",
    )


def test_a_node_that_cannot_be_told_says_why_it_has_no_signature(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = a_project(make_project, "untold_node")
    nodes = project / "src/untold_node/nodes.py"
    nodes.write_text(nodes.read_text().replace("def clean", "exec('def clean(x, rate): return x')\ndef other"))
    monkeypatch.chdir(project)
    said = commands.call("why", "clean", "--local")
    assert said.stdout.splitlines()[0] == (
        "Node 'clean', no signature: 'clean' was made while the program ran, and no file has its source"
    )


def test_runs_on_aws_are_compared_with_what_is_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with deployed(tmp_path) as there:
        os.environ.update(there.aws.environment)  # undone by the fixture of all these tests
        monkeypatch.chdir(there.project)

        def rest(*words: str) -> list[str]:
            said = commands.call("why", *words)
            assert said.exit_code == 0, said.output
            return blocks(said.stdout)[""][2:]

        assert rest("second") == ["There is no run yet to compare it with."]
        first = there.ended(there.service.start_run({}).run_id).run_id
        only = there.ended(there.service.start_run({"pipeline": "opening"}).run_id).run_id
        compared = "SUCCEEDED, compared with what is deployed:"
        assert rest("second") == [
            f"Run {first}, where it {compared}",
            "  it follows 'first', which runs again",
            f"  again: first (run {only} may have written 'middle' since)",
        ]
        assert rest("first") == [f"Run {only}, where it {compared}", "  nothing differs"]
        assert rest("second", f"--run={only}") == [f"Run {only} has no node 'second'."]
        changed = rest("third", "--params=way=other")
        assert changed == [
            f"Run {first}, where it {compared}",
            "  it follows 'second', which runs again",
            "  again: second (parameter 'way' has changed)",
            f"  again: first (run {only} may have written 'middle' since)",
        ]
        parameters = there.project / "conf/aws_batch/parameters.yml"
        parameters.write_text(parameters.read_text().replace("aws_batch:", "aws_batch:\n  max_workers: 3"))
        (refused,) = rest("second")
        assert refused.startswith(f"In run {first} it SUCCEEDED. It can't be compared: This project is not what was ")
        assert len(there.service.list_runs()) == 2
        told = commands.call("why", "second", f"--service={PREFIX}-2")
        assert told.exit_code == 0
        assert f"It isn't compared with a run: There is no function '{PREFIX}-2-list_runs'" in told.stdout


SOFT = 'CONFIG_LOADER_ARGS = {"base_env": "base", "merge_strategy": {"parameters": "soft"}}\n'
BASE, OWN = "conf/base/parameters.yml", "conf/aws_batch/parameters.yml"


@pytest.mark.parametrize(
    ("settings", "name", "given", "places"),
    [
        ("", "params:model.alpha", {}, (OWN,)),
        ("", "params:model.seed", {}, ()),  # the base's neighbours are dropped
        (SOFT, "params:model.seed", {}, (BASE,)),
        (SOFT, "params:model", {}, (OWN, BASE)),
        (SOFT, "params:model", {"model": {"alpha": 2}}, (GIVEN, OWN, BASE)),
        (SOFT, "params:model.alpha", {"model": {"alpha": 2}}, (GIVEN,)),
        ("", "params:only", {}, ("conf/base/nested/parameters_more.yml",)),
        ("", "params:nowhere", {}, ()),
        ("", "parameters", {}, (OWN, "conf/base/nested/parameters_more.yml", BASE)),
    ],
)
def test_a_parameter_comes_from_where_kedro_takes_it(
    make_project: Make, settings: str, name: str, given: dict[str, Any], places: tuple[str, ...]
) -> None:
    project = make_project(Sources(parameters={"model": {"alpha": 1}}, settings=settings))
    (project / "conf/base/parameters.yml").write_text("model: {alpha: 0, seed: 0}\n")
    (project / "conf/base/nested").mkdir()
    (project / "conf/base/nested/parameters_more.yml").write_text("only: 1\n")
    (project / "conf/base/.parameters.yml").write_text("only: hidden\n")
    opened = open_project(Opening(path=project, params=given))
    assert Origins(opened).of_parameter(name) == Origin(places)
    value: Any = opened.parameters
    for key in () if name == "parameters" else name.removeprefix("params:").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    assert (value is None) is (places == ())  # as Kedro has it


def test_what_a_value_asks_for_is_told_by_its_name(make_project: Make) -> None:
    project = make_project(
        Sources(parameters={"x": {"day": "${runtime_params:day, mon}", "r": "${globals:rates.low}"}})
    )
    (project / "conf/base/globals.yml").write_text("rates: {low: 1}\n")
    found = Origins(open_project(Opening(path=project))).of_parameter("params:x")
    assert found == Origin((OWN,), asks=("run-time parameter 'day'", "global 'rates.low' of conf/base/globals.yml"))
