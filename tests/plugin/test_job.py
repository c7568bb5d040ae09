"""Jobs as they run in a container: a process of their own, with a generated project as its working directory.

Most are forked from an interpreter that has imported Kedro, as those of a container that carries on are.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kedro.framework import session
from kedro.framework.project import pipelines

from kedro_aws_batch._service.dag.document import signature
from kedro_aws_batch._service.dag.payload import joined_signatures
from tests.forking import Interpreter

from .project import Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[[Sources], Path]
    Ended = subprocess.CompletedProcess[str]
    Run = Callable[..., Ended]

RUN = "2026-11-22T13.11.00.123Z"
NEWER = "2026-11-23T00.00.00.000Z"
OLDER = "2026-11-21T00.00.00.000Z"
BETWEEN = "2026-11-22T13.10.59.000Z"


def surroundings(nodes: list[str], payload: dict[str, Any] | None, **environment: str) -> dict[str, str]:
    """Return the environment of a job."""
    more = dict(payload or {})
    group: dict[str, Any] = {"nodes": nodes}
    group |= {key: more.pop(key) for key in ("load_versions", "signatures") if key in more}
    raw = {"format": 1, "run_id": RUN, "environment": "aws_batch", "groups": [group], **more}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("KEDRO", "PYTHONPATH"))}
    return {**inherited, "KEDRO_AWS_BATCH_JOB": json.dumps(raw), **environment}


@pytest.fixture(scope="module")
def run_job() -> Iterator[Run]:
    """Return what runs a job of nodes and, if given, more of a payload and of an environment."""
    with Interpreter() as interpreter:

        def run(project: Path, nodes: list[str], payload: dict[str, Any] | None = None, **environment: str) -> Ended:
            told = surroundings(nodes, payload, **environment)
            return interpreter.run(["kedro_aws_batch.job"], project, told, timeout=60)

        yield run


def start_job(project: Path, nodes: list[str], payload: dict[str, Any] | None = None, **environment: str) -> Ended:
    """Run a job in an interpreter that begins with it, as a container's first is."""
    return subprocess.run(
        [sys.executable, "-m", "kedro_aws_batch.job"],
        cwd=project,
        env=surroundings(nodes, payload, **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def signatures(*nodes: tuple[str, str, str]) -> str:
    """Return nodes in the payload: name, input, output."""
    return joined_signatures(signature(name, [read], [written]) for name, read, written in nodes)


def passed(ended: Ended) -> Ended:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def put(path: Path, value: Any, version: str | None = None, at: str | None = None) -> None:
    """Write a pickle with the time of its version or, without one, a time before the run began."""
    target = path / version / path.name if version else path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pickle.dumps(value))
    moment = datetime.strptime(at or version or OLDER, "%Y-%m-%dT%H.%M.%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
    os.utime(target, (moment, moment))


def saved(path: Path, version: str | None = None) -> Any:
    return pickle.loads((path / version / path.name if version else path).read_bytes())  # noqa: S301


def versions(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir())


def versioned_chain(make_project: Make, **more: Any) -> Path:
    catalog = {name: pickled(f"data/{name}", versioned=True) for name in ("middle", "final")}
    project = make_project(Sources(catalog={"raw": pickled("data/raw"), **catalog}, **more))
    put(project / "data/raw", "from raw")
    return project


def test_the_jobs_of_a_run_save_one_version_which_is_the_run_s_id(make_project: Make, run_job: Run) -> None:
    project = versioned_chain(make_project)
    first = passed(start_job(project, ["first"]))
    passed(run_job(project, ["second"], {"load_versions": {"middle": RUN}}))
    assert versions(project / "data/middle") == versions(project / "data/final") == [RUN]
    assert first.stdout.splitlines()[0] == "kedro run --nodes=first --env=aws_batch --pipelines=__default__"


def test_a_job_loads_what_its_run_wrote_although_another_run_wrote_later(make_project: Make, run_job: Run) -> None:
    project = versioned_chain(make_project)
    put(project / "data/middle", "mine", RUN)
    put(project / "data/middle", "another's", NEWER)
    passed(run_job(project, ["second"], {"load_versions": {"middle": RUN}}))
    assert saved(project / "data/final", RUN) == "mine"


def test_nodes_of_one_job_load_what_they_wrote_although_another_run_wrote_later(
    make_project: Make, run_job: Run
) -> None:
    project = versioned_chain(make_project)
    put(project / "data/middle", "another's", NEWER)
    ended = passed(run_job(project, ["first", "second"]))
    assert saved(project / "data/final", RUN) == "from raw"
    assert "did not match" not in ended.stderr + ended.stdout


def test_what_another_run_saves_after_this_one_began_is_not_its_input(make_project: Make, run_job: Run) -> None:
    project = versioned_chain(make_project)
    put(project / "data/middle", "there before", OLDER)
    put(project / "data/middle", "begun before, and saved meanwhile", BETWEEN, at=NEWER)
    put(project / "data/middle", "begun and saved after", NEWER)
    passed(run_job(project, ["second"]))
    assert saved(project / "data/final", RUN) == "there before"


def test_an_input_saved_only_after_the_run_began_is_not_there(make_project: Make, run_job: Run) -> None:
    project = versioned_chain(make_project)
    put(project / "data/middle", "too late", BETWEEN, at=NEWER)
    ended = run_job(project, ["second"])
    assert ended.returncode == 1
    assert f"none had been saved when run {RUN} began" in ended.stderr


def test_versions_whose_names_are_no_timestamps_are_judged_by_when_they_were_saved(
    make_project: Make, run_job: Run
) -> None:
    project = versioned_chain(make_project)
    for version, at in (("v1", OLDER), ("v2", BETWEEN), ("v3", NEWER)):
        put(project / "data/middle", version, version, at)
    passed(run_job(project, ["second"]))
    assert saved(project / "data/final", RUN) == "v2"


def test_a_version_that_is_a_folder_is_as_old_as_its_last_file(make_project: Make, run_job: Run) -> None:
    modules = {
        "folders.py": """
            from pathlib import PurePosixPath
            import fsspec
            from kedro.io import AbstractVersionedDataset
            class Folder(AbstractVersionedDataset):
                def __init__(self, filepath, version=None):
                    self._fs = fsspec.filesystem("file")
                    super().__init__(PurePosixPath(filepath), version, self._fs.exists, self._fs.glob)
                def _load(self):
                    return sorted(PurePosixPath(path).name for path in self._fs.ls(self._get_load_path()))
                def _save(self, data): ...
                def _describe(self): return {}
            """
    }
    package = "folders_package"
    catalog = {
        "middle": {"type": f"{package}.folders.Folder", "filepath": "data/middle", "versioned": True},
        "final": pickled("data/final"),
    }
    project = make_project(Sources(catalog=catalog, modules=modules, package=package))
    for version, parts in ((OLDER, {"a": OLDER, "b": OLDER}), (BETWEEN, {"c": OLDER, "d": NEWER})):
        for name, at in parts.items():
            put(project / "data/middle" / version / "middle" / name, name, at=at)
    passed(run_job(project, ["second"]))
    assert saved(project / "data/final") == ["a", "b"]


def test_a_wrapped_dataset_that_is_versioned_is_the_run_s(make_project: Make, run_job: Run) -> None:
    modules = {
        "wrapper.py": """
            from kedro.io import AbstractDataset
            from kedro.io.core import parse_dataset_definition
            class Wrapper(AbstractDataset):
                def __init__(self, dataset):
                    kind, config = parse_dataset_definition(dict(dataset))
                    self._inner = kind(**config)
                def _load(self): return self._inner.load()
                def _save(self, data): self._inner.save(data)
                def _describe(self): return {}
            """
    }
    package = "wrapper_package"
    catalog = {
        "raw": pickled("data/raw"),
        "middle": {"type": f"{package}.wrapper.Wrapper", "dataset": pickled("data/middle", versioned=True)},
        "final": pickled("data/final"),
    }
    project = make_project(Sources(catalog=catalog, modules=modules, package=package))
    put(project / "data/raw", "mine")
    put(project / "data/middle", "another's", BETWEEN)
    passed(run_job(project, ["first"]))
    put(project / "data/middle", "another's", NEWER)
    passed(run_job(project, ["second"]))
    assert versions(project / "data/middle") == sorted([BETWEEN, RUN, NEWER])
    assert saved(project / "data/final") == "mine"


def test_pins_hold_through_a_catch_all_pattern_and_through_transcoding(make_project: Make, run_job: Run) -> None:
    registry = """
    def register_pipelines():
        return {"__default__": pipeline([
            node(same, "raw", "table@one", name="write"), node(pair, ["table@two", "caught"], "final", name="read"),
        ])}
    """
    table = {f"table@{way}": pickled("data/table", versioned=True) for way in ("one", "two")}
    catalog = {**table, "{anything}": pickled("data/{anything}", versioned=True)}
    project = make_project(Sources(registry, catalog))
    for name in ("table", "caught"):
        put(project / "data" / name, f"{name} of the run", RUN)
        put(project / "data" / name, f"{name} of another", NEWER)
    passed(run_job(project, ["read"], {"load_versions": {"table@one": RUN, "caught": RUN}}))
    assert saved(project / "data/final", RUN) == ["table of the run", "caught of the run"]


def test_pins_hold_in_a_namespace_through_a_factory_and_through_a_cache(make_project: Make, run_job: Run) -> None:
    registry = """
    def register_pipelines():
        some = pipeline([node(same, "raw", "made", name="write"), node(pair, ["made", "cached"], "final", name="read")])
        return {"__default__": pipeline(some, namespace="a.b", inputs={"raw", "cached"})}
    """
    cached = {"type": "CachedDataset", "versioned": True, "dataset": pickled("data/cached")}
    catalog = {"{space}.{name}": pickled("data/{space}/{name}", versioned=True), "cached": cached}
    project = make_project(Sources(registry, catalog))
    for path in ("a/b.made", "cached"):
        put(project / "data" / path, f"{path} of the run", RUN)
        put(project / "data" / path, f"{path} of another", NEWER)
    passed(run_job(project, ["a.b.read"], {"load_versions": {"a.b.made": RUN, "cached": RUN}}))
    assert saved(project / "data/a/b.final", RUN) == ["a/b.made of the run", "cached of the run"]


@pytest.mark.parametrize("name", ["parts", "{any}ts"], ids=["named", "by a factory"])
@pytest.mark.parametrize("jobs", [[["split", "read"]], [["split"], ["read"]]], ids=["one job", "two jobs"])
def test_partitions_that_are_versioned_are_the_run_s(
    make_project: Make, jobs: list[list[str]], name: str, run_job: Run
) -> None:
    registry = """
    def split(x):
        return {"1": x + " one", "2": x + " two"}

    def read(parts):
        return {name: load() for name, load in parts.items()}

    def register_pipelines():
        return {"__default__": pipeline([
            node(split, "raw", "parts", name="split"), node(read, "parts", "final", name="read"),
        ])}
    """
    versioned = {"type": "pickle.PickleDataset", "versioned": True}
    parts = {"type": "partitions.PartitionedDataset", "path": "data/parts", "dataset": versioned}
    catalog = {"raw": pickled("data/raw"), name: parts, "final": pickled("data/final", versioned=True)}
    project = make_project(Sources(registry, catalog))
    put(project / "data/raw", "mine")
    put(project / "data/parts/2", "another's", NEWER)
    put(project / "data/parts/3", "what was there", OLDER)
    put(project / "data/parts/4", "too late", NEWER)

    for place, nodes in enumerate(jobs):
        passed(run_job(project, nodes, {"load_versions": {"parts": RUN} if place else {}}))

    assert versions(project / "data/parts/1") == [RUN]
    assert versions(project / "data/parts/2") == [RUN, NEWER]
    assert saved(project / "data/final", RUN) == {"1": "mine one", "2": "mine two", "3": "what was there"}


@pytest.mark.parametrize("attempt", [{"AWS_BATCH_JOB_ATTEMPT": "2"}, {"attempt": 1}])
def test_a_second_attempt_overwrites_the_run_s_own_version(
    make_project: Make, attempt: dict[str, Any], run_job: Run
) -> None:
    project = versioned_chain(make_project)
    put(project / "data/middle", "half written", RUN)
    put(project / "data/middle", "another's", OLDER)
    environment = attempt if "AWS_BATCH_JOB_ATTEMPT" in attempt else {}
    passed(run_job(project, ["first"], {} if environment else attempt, **environment))
    assert saved(project / "data/middle", RUN) == "from raw"
    assert saved(project / "data/middle", OLDER) == "another's"


def test_a_first_attempt_never_overwrites(make_project: Make, run_job: Run) -> None:
    project = versioned_chain(make_project)
    put(project / "data/middle", "somebody's", RUN)
    ended = run_job(project, ["first"], AWS_BATCH_JOB_ATTEMPT="1")
    assert ended.returncode == 1
    assert "must not exist if versioning is enabled" in ended.stderr
    assert saved(project / "data/middle", RUN) == "somebody's"


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
