"""Jobs as they run in a container: a process of their own, with a generated project as its working directory.

Most are forked from an interpreter that has imported Kedro, as those of a container that carries on are.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kedro.framework import session
from kedro.framework.project import pipelines

from .jobs import (
    RUN,
    passed,
    put,
    saved,
    signatures,
    start_job,
    versioned_chain,
    versions,
)
from .project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]
    Ended = subprocess.CompletedProcess[str]
    Run = Callable[..., Ended]


def test_names_with_spaces_commas_and_letters_of_any_script_are_found(make_project: Make) -> None:
    registry = """
    def register_pipelines():
        strange = pipeline([node(same, "raw", "final", name="größe_模型")], namespace="a, b c", inputs="raw")
        return {"__default__": strange, "strange": strange}
    """
    project = make_project(Sources(registry, {"raw": pickled("data/raw"), "a, b c.final": pickled("data/final")}))
    put(project / "data/raw", 1)
    ended = passed(start_job(project, ["a, b c.größe_模型"], {"pipelines": ["strange"]}, PYTHONIOENCODING="utf-8"))
    assert saved(project / "data/final") == 1
    assert ended.stdout.startswith("kedro run '--nodes=a, b c.größe_模型' --env=aws_batch --pipelines=strange\n")


def test_parameters_given_for_the_run_win_and_several_pipelines_are_joined(make_project: Make, run_job: Run) -> None:
    registry = """
    def register_pipelines():
        one = pipeline([node(same, "params:model.rate", "b", name="one")])
        two = pipeline([node(pair, ["b", "params:model.kept"], "c", name="two")])
        return {"one": one, "two": two}
    """
    project = make_project(Sources(registry, {"c": pickled("data/c")}, parameters={"model": {"rate": 1, "kept": 2}}))
    passed(run_job(project, ["one", "two"], {"pipelines": ["one", "two"], "params": {"model": {"rate": "x,y"}}}))
    assert saved(project / "data/c") == ["x,y", 2]


def test_a_failing_node_ends_the_job_with_1_and_a_plain_traceback(make_project: Make) -> None:
    registry = (
        'def register_pipelines():\n    return {"__default__": pipeline([node(fail, "params:x", "y", name="bad")])}\n'
    )
    ended = start_job(make_project(Sources(registry, parameters={"x": "it"})), ["bad"])
    assert ended.returncode == 1
    place = ended.stderr.rpartition("(pipeline_registry.py:")[2].strip()
    assert re.fullmatch(r"\d+\)", place)
    assert ended.stderr.rpartition("Traceback (most recent call last):\n")[2].splitlines()[1:] == [
        '    raise RuntimeError(f"no luck with {x}")',
        "RuntimeError: no luck with it",
        f'Failed in "bad": RuntimeError: no luck with it (pipeline_registry.py:{place}',
    ]
    assert "╭" not in ended.stderr
    assert "Used: " in ended.stdout


def test_a_node_that_leaves_the_process_has_failed(make_project: Make, run_job: Run) -> None:
    registry = """
    import sys
    def register_pipelines():
        return {"__default__": pipeline([node(lambda x: sys.exit(0), "params:x", "y", name="leaver")])}
    """
    assert run_job(make_project(Sources(registry, parameters={"x": 1})), ["leaver"]).returncode == 1


def test_an_image_whose_nodes_are_not_the_graph_s_runs_none_of_them(make_project: Make, run_job: Run) -> None:
    project = versioned_chain(make_project)
    same, others = (
        signatures(("first", "raw", "middle")),
        signatures(("first", "raw", "middle"), ("second", "x", "final")),
    )

    passed(run_job(project, ["first"], {"signatures": same}))
    refused = run_job(project, ["first", "second"], {"signatures": others})

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        "Error: Node 'second' of this image reads 'middle' and writes 'final', but in the graph of "
        f"run {RUN} it does not: the image is older or newer than the deployed graph. Push the image and deploy "
        "the graph from one state of the project."
    )
    assert not (project / "data/final").exists()


@pytest.mark.parametrize(
    ("nodes", "more", "said"),
    [
        (["first", "third"], {}, f"This image has no node 'third', which the graph of run {RUN} has: the image is"),
        (["first"], {"pipelines": ["gone"]}, f"This image has no pipeline 'gone', which the graph of run {RUN} has: "),
        (["first"], {"pipelines": ["gone", "__default__"]}, "This image has no pipeline 'gone', "),
    ],
)
def test_an_image_without_the_graph_s_nodes_says_so(
    make_project: Make, nodes: list[str], more: dict[str, Any], said: str, run_job: Run
) -> None:
    refused = run_job(versioned_chain(make_project), nodes, more)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"Error: {said}")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("os._exit(0)", "Error: The process that ran the nodes ended with exit code 0 before they were done.\n"),
        ("os.kill(os.getpid(), 9)", "If nobody stopped the job, it needs more memory.\n"),
    ],
)
def test_a_process_that_ends_within_a_node_has_failed_and_says_what_it_used(
    make_project: Make, call: str, said: str, run_job: Run
) -> None:
    registry = f"""
    import os
    def register_pipelines():
        return {{"__default__": pipeline([node(lambda x: {call}, "params:x", "y", name="vanishes")])}}
    """
    ended = run_job(make_project(Sources(registry, parameters={"x": 1})), ["vanishes"])
    assert ended.returncode == (1 if "exit" in call else 137)
    assert ended.stderr.endswith(said)
    assert ended.stdout.splitlines()[-1].startswith("Used: ")


@pytest.mark.skipif(not hasattr(pipelines, "set_requested"), reason="Kedro imports all pipelines before 1.5")
def test_only_the_pipelines_named_are_imported(make_project: Make, run_job: Run) -> None:
    registry = """
    from kedro.framework.project import find_pipelines
    def register_pipelines():
        return find_pipelines(raise_errors=True)
    """
    good = """
    from kedro.pipeline import node, pipeline
    def create_pipeline():
        return pipeline([node(lambda x: x, "params:x", "y", name="n")])
    """
    modules = {
        "pipelines/__init__.py": "",
        "pipelines/good/__init__.py": good,
        "pipelines/slow/__init__.py": "raise SystemExit('imported')",
    }
    project = make_project(Sources(registry, modules=modules, parameters={"x": 1}))
    passed(run_job(project, ["n"], {"pipelines": ["good"]}))
    assert "imported" in run_job(project, ["n"], {"pipelines": ["__default__"]}).stderr


@pytest.mark.skipif(not hasattr(session, "KedroServiceSession"), reason="Kedro knows one session class before 1.3")
def test_the_hooks_and_the_session_class_of_the_project_are_used(make_project: Make, run_job: Run) -> None:
    settings = """
    from pathlib import Path
    from kedro.framework.hooks import hook_impl
    from kedro.framework.session import KedroServiceSession
    class Writes:
        @hook_impl
        def before_pipeline_run(self, run_params):
            Path("before").write_text(run_params["run_id"] + " " + str(run_params["load_versions"]))
        @hook_impl
        def on_pipeline_error(self, error):
            Path("error").write_text(str(error))
    HOOKS = (Writes(),)
    SESSION_CLASS = KedroServiceSession
    """
    project = versioned_chain(make_project, settings=settings)
    put(project / "data/middle", "mine", RUN)
    passed(run_job(project, ["second"], {"load_versions": {"middle": RUN}}))
    assert (project / "before").read_text() == f"{RUN} {{'middle': '{RUN}'}}"
    assert versions(project / "data/final") == [RUN]
    assert not (project / "error").exists()


def test_outside_of_a_project_a_sentence_says_so(tmp_path: Path, run_job: Run) -> None:
    ended = run_job(tmp_path, ["n"])
    assert (ended.returncode, "is not in a Kedro project" in ended.stderr) == (1, True)
    assert "Traceback" not in ended.stderr


def test_a_job_says_what_it_has_used(make_project: Make, run_job: Run) -> None:
    registry = """
    def hungry():
        hoard = bytearray(300 * 2**20)
        hoard[::4096] = b"x" * len(hoard[::4096])
        return len(hoard)

    def register_pipelines():
        return {"__default__": pipeline([node(hungry, None, "out", name="n")])}
    """
    project = make_project(Sources(registry, {"out": pickled("data/out.pkl")}))
    said = passed(run_job(project, ["n"])).stdout.splitlines()[-1]
    found = re.fullmatch(r"Used: (\d+) MiB of memory at most, ([\d.]+) s of CPU in ([\d.]+) s\.", said)
    assert found is not None, said
    assert 300 <= int(found[1]) < 1500
    assert float(found[2]) > 0
