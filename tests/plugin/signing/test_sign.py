"""What a resumed run runs again after an edit, and what it says of it: just the nodes that the edit concerns."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dag.document import read_document
from dag.plan import dump_plan, load_plan
from dag.request import Allowed, Earlier, make_plan
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project
from kedro_aws_batch.graph.signing import packages
from tests.dag.build import view_of

from ..project import Sources, pickled, write_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dag.document import GraphDocument

PACKAGE = "edited"
RUN_IDS = ("2026-11-22T13.11.00.123Z", "2026-11-23T13.11.00.123Z")
ALLOWED = Allowed(["main_queue"], ["kedro_run"])
REGISTRY = """
from .nodes import clean, copy
from .tables import keep
from .training import train
from .reports import report

def register_pipelines():
    return {"__default__": pipeline([
        node(clean, ["raw", "params:clean.rate"], "tidy", name="clean"),
        node(train, ["tidy", "params:model"], "trained", name="train"),
        node(report, "trained", "page", name="report"),
        node(copy, "page", "sent", name="send"),
        node(copy, "other", "copied", name="copy"),
        node(keep, "source", "table@made", name="tabulate"),
        node(keep, "table@rows", "first", name="rows"),
        node(keep, "table@columns", "second", name="columns"),
        node(keep, "second", "third", name="sum"),
    ])}
"""
MODULES = {
    "nodes.py": """\
from .helpers import scale
RATE = 3
def clean(x, rate):
    return scale(x, rate) * RATE
def copy(x):
    return x
""",
    "helpers.py": "from .deep import factor\ndef scale(x, r): return x * factor\n",
    "deep.py": "factor = 2\n",
    "training.py": "from .decorating import twice\n@twice\ndef train(x, o): return x\n",
    "decorating.py": """\
import functools
def twice(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args) * 2
    return wrapper
""",
    "tables.py": "def keep(x): return x\n",
    "reports.py": "import shipped\ndef report(x):\n    'Say.'\n    text = str(x)\n    return text\n",
}
#: One file that is written in one format and read in two others.
TABLE = {"type": "pandas.CSVDataset", "filepath": "s3://bucket/table.csv"}
SOURCES = Sources(
    package=PACKAGE,
    registry=REGISTRY,
    modules=MODULES,
    catalog={
        "raw": pickled("s3://bucket/raw.pkl"),
        "tidy": pickled("s3://bucket/tidy.pkl"),
        "trained": pickled("s3://bucket/trained.pkl"),
        "page": {"type": "text.TextDataset", "filepath": "s3://bucket/page.txt", "credentials": {"key": "secret"}},
        "sent": pickled("s3://bucket/sent.pkl"),
        "table@made": {**TABLE, "save_args": {"made": 1}},
        "table@rows": {**TABLE, "load_args": {"rows": 1}},
        "table@columns": {**TABLE, "load_args": {"columns": 1}},
        "{any}": pickled("s3://bucket/{any}.pkl"),
    },
    parameters={"clean": {"rate": 1}, "model": {"alpha": 0.1, "seeds": [1, 2]}, "unread": 1},
)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install a package of version 1.0, and return the folder that says so."""
    place = tmp_path_factory.mktemp("installed") / "site-packages"
    (place / "shipped").mkdir(parents=True)
    (place / "shipped/__init__.py").touch()
    information = place / "shipped-1.0.dist-info"
    information.mkdir()
    (information / "top_level.txt").write_text("shipped")
    install(information, "1.0")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place))
        forget()
        yield information
    sys.modules.pop("shipped", None)
    forget()


def install(information: Path, version: str) -> None:
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: shipped\nVersion: {version}\n")


def forget() -> None:
    """Forget what is installed: no process but a test sees it change."""
    importlib.invalidate_caches()
    for known in (packages.distributions, packages.by_module, packages.versions):
        known.cache_clear()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"), SOURCES)


@pytest.fixture(scope="module")
def before(written: Path, shipped: Path) -> GraphDocument:
    """Return the document before any edit."""
    assert shipped.is_dir()
    return signed(written)


@pytest.fixture
def project(written: Path, shipped: Path) -> Iterator[Path]:
    """Return the project, which is as it was again after the test."""
    assert shipped.is_dir()
    files = {path: path.read_bytes() for path in written.rglob("*.*") if path.suffix in {".py", ".yml"}}
    yield written
    for path, content in files.items():
        path.write_bytes(content)


def signed(project: Path) -> GraphDocument:
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    importlib.invalidate_caches()
    return read_document(json.dumps(compile_project(open_project(Opening(path=project))).signed))


def again(before: GraphDocument, after: GraphDocument, *, failed: str = "send") -> dict[str, str]:
    """Return what runs again if all but one node succeeded, and why, but for that node."""
    plan, _ = make_plan(before, {}, RUN_IDS[0], ALLOWED)
    done = [index for index, group in enumerate(plan.groups) if failed not in group.nodes]
    earlier = Earlier(load_plan(dump_plan(plan)), view_of(succeeded=done), {})
    resumed = make_plan(after, {"resume_from": RUN_IDS[0]}, RUN_IDS[1], ALLOWED, earlier)[1]
    assert resumed is not None
    assert resumed.again[failed].partition(",")[0] == "it has not succeeded"
    return {node: why for node, why in resumed.again.items() if node != failed}


def edit(project: Path, file: str, old: str, new: str) -> None:
    path = project / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if old else new)


SRC, CONF = f"src/{PACKAGE}", "conf/aws_batch"
#: What follows a node, besides what has failed.
AFTER = {
    "clean": {"train": "it follows 'clean', which runs again", "report": "it follows 'train', which runs again"},
    "train": {"report": "it follows 'train', which runs again"},
    "report": {},
    "copy": {},
    "tabulate": {
        "rows": "it follows 'tabulate', which runs again",
        "columns": "it follows 'tabulate', which runs again",
        "sum": "it follows 'columns', which runs again",
    },
    "rows": {},
    "columns": {"sum": "it follows 'columns', which runs again"},
    "sum": {},
}


def reruns(*nodes: str, why: str) -> dict[str, str]:
    """Return that nodes run again for this reason, and what follows them."""
    return {key: value for node in nodes for key, value in AFTER[node].items()} | dict.fromkeys(nodes, why)


CODE = [
    ("nodes.py", "RATE = 3", "RATE = 4", reruns("clean", why="code of clean in edited/nodes.py has changed")),
    (
        "nodes.py",
        "scale(x, rate)",
        "scale(rate, x)",
        reruns("clean", why="code of clean in edited/nodes.py has changed"),
    ),
    ("deep.py", "2", "3", reruns("clean", why="code of edited/deep.py has changed")),
    ("training.py", "return x", "return o", reruns("train", why="code of train in edited/training.py has changed")),
    ("training.py", "@twice\n", "", reruns("train", why="code of train in edited/training.py has changed")),
    ("settings.py", "", "X = {}\nX['a'] = 1", reruns(*AFTER, why="code of edited/settings.py is new to it")),
]
NOTHING = [
    ("nodes.py", "RATE = 3", "RATE = 3  # shuttles"),
    ("nodes.py", "RATE = 3", "RATE = (\n    3\n)\nUNUSED = 4"),
    ("nodes.py", "    return scale", "    'Scale.'\n    return scale"),
    ("reports.py", "'Say.'", "'Tell.'"),
    ("reports.py", "text", "words"),
    ("pipeline_registry.py", 'name="report"', 'name="report", tags="x"'),
]
CONFIGURATION = [
    ("parameters.yml", "rate: 1", "rate: 2", reruns("clean", why="parameter 'clean.rate' has changed")),
    ("parameters.yml", "alpha: 0.1", "alpha: 0.2", reruns("train", why="parameter 'model' has changed")),
    ("parameters.yml", "unread: 1", "unread: 2", {}),
    ("parameters.yml", "job_queue: main_queue", "job_queue: main_queue\n  max_workers: 3", {}),
    ("catalog.yml", "tidy.pkl", "tidier.pkl", reruns("clean", "train", why="catalog entry of 'tidy' has changed")),
    (
        "catalog.yml",
        "page.txt",
        "page.txt\n  save_args: {a: 1}",
        reruns("report", why="catalog entry of 'page' has changed"),
    ),
    ("catalog.yml", "rows: 1", "rows: 2", reruns("rows", why="catalog entry of 'table@rows' has changed")),
    ("catalog.yml", "columns: 1", "columns: 2", reruns("columns", why="catalog entry of 'table@columns' has changed")),
    ("catalog.yml", "made: 1", "made: 2", reruns("tabulate", why="catalog entry of 'table@made' has changed")),
    ("catalog.yml", "key: secret", "key: another", {}),
    ("catalog.yml", "page.txt", "page.txt\n  metadata: {a: 1}", {}),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        *((f"{SRC}/{file}", old, new, expected) for file, old, new, expected in CODE),
        *((f"{CONF}/{file}", old, new, expected) for file, old, new, expected in CONFIGURATION),
    ],
)
def test_an_edit_runs_again_what_it_concerns_and_what_follows_and_says_why(
    project: Path, before: GraphDocument, file: str, old: str, new: str, expected: dict[str, str]
) -> None:
    edit(project, file, old, new)
    assert again(before, signed(project)) == expected


def test_comments_docstrings_layout_unused_constants_locals_and_tags_concern_nobody(
    project: Path, before: GraphDocument
) -> None:
    for file, old, new in NOTHING:
        edit(project, f"{SRC}/{file}", old, new)
    assert again(before, signed(project)) == {}


def test_a_decorator_concerns_whom_it_decorates(project: Path, before: GraphDocument) -> None:
    edit(project, f"{SRC}/decorating.py", "* 2", "* 3")
    why = "code of twice.wrapper in edited/decorating.py has changed, code of edited/decorating.py has changed"
    assert again(before, signed(project)) == reruns("train", why=why)


def test_another_version_of_a_package_concerns_those_that_import_it(
    project: Path, before: GraphDocument, shipped: Path
) -> None:
    install(shipped, "1.1")
    forget()
    try:
        after = signed(project)
    finally:
        install(shipped, "1.0")
        forget()
    assert again(before, after) == reruns("report", why="shipped is 1.1, was 1.0")


def test_another_python_concerns_all_and_another_of_its_patches_none(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = []
    for version in (("3", "11", "7"), ("3", "11", "9"), ("3", "12", "0")):
        monkeypatch.setattr(platform, "python_version_tuple", lambda version=version: version)
        documents.append(signed(project))
    assert again(documents[0], documents[1]) == {}
    assert again(documents[0], documents[2]) == reruns(*AFTER, why="Python is 3.12, was 3.11")


def test_what_cannot_be_told_runs_again_each_time_and_says_why(project: Path) -> None:
    edit(project, f"{SRC}/nodes.py", "def copy(x):", "exec('def copy(x): return x')\ndef other(x):")
    document = signed(project)
    why = "'copy' was made while the program ran, and no file has its source"
    assert again(document, document) == reruns("copy", why=f"it can't be told whether it is the same: {why}")


def test_data_that_a_hook_puts_in_the_catalog_counts_by_what_it_was_made_with(project: Path) -> None:
    hooks = (
        "class Hooks:\n    @hook_impl\n    def after_catalog_created(self, catalog):\n        catalog['other'] = {}\n"
    )
    head = "from kedro.framework.hooks import hook_impl\nfrom kedro.io import MemoryDataset\nimport threading\n"
    documents = []
    for held in ("[1]", "[1]", "threading.Lock()"):
        made = hooks.format(f"MemoryDataset({held}, copy_mode='assign')")
        (project / SRC / "settings.py").write_text(f"{head}{made}HOOKS = (Hooks(),)\n")
        documents.append(signed(project))
    assert again(documents[0], documents[1]) == {}
    assert again(documents[2], documents[2])["copy"].startswith(
        "it can't be told whether it is the same: catalog entry of 'other': it holds a _thread.lock"
    )


@pytest.mark.parametrize("without", ["before", "after"])
def test_without_signatures_of_both_a_run_resumes_by_what_was_known(
    project: Path, before: GraphDocument, without: str
) -> None:
    edit(project, f"{SRC}/deep.py", "2", "3")
    edit(project, f"{CONF}/parameters.yml", "alpha: 0.1", "alpha: 0.2")
    after = signed(project)
    older = replace(before if without == "before" else after, signatures={})
    found = again(older, after) if without == "before" else again(before, older)
    assert found == reruns("train", why="parameter 'model' has changed")


def test_signatures_are_no_part_of_the_digest_and_hold_no_values_and_no_secrets(
    project: Path, before: GraphDocument
) -> None:
    edit(project, f"{CONF}/parameters.yml", "alpha: 0.1", "alpha: quite_a_secret")
    edit(project, f"{SRC}/deep.py", "2", "3")
    after = signed(project)
    assert (before.digest == after.digest, before.signatures == after.signatures) == (True, False)
    assert "secret" not in json.dumps(after.signatures)


def test_what_has_used_the_catalog_before_makes_no_difference(project: Path, before: GraphDocument) -> None:
    """Kedro's catalog then has instances, as it has of what hooks put there."""
    opened = open_project(Opening(path=project))
    compiled = compile_project(opened)
    for name in compiled.datasets:
        opened.catalog.get(name)
    assert compiled.signed["signatures"]["entries"] == {
        name: list(entry) for name, entry in before.signatures["entries"].items()
    }
