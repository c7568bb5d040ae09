"""The versions that the jobs of a run save and load, whatever other runs save meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .jobs import (
    BETWEEN,
    NEWER,
    OLDER,
    RUN,
    passed,
    put,
    saved,
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
