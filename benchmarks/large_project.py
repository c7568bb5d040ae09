"""Writes a large Kedro project: 800 nodes in 20 namespaces, and 300 catalog entries whose paths begin with globals."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NODES = 800
ENTRIES = 300
NAMESPACES = 20
PACKAGE = "large"

_REGISTRY = """\
import time

from kedro.pipeline import node, pipeline


def step(x, options):
    time.sleep(options["pause"])
    return x


def _chain(name, length):
    nodes = [
        node(step, [f"d{number}", "params:options"], f"d{number + 1}", name=f"n{number}", tags=[f"tag{number % 5}"])
        for number in range(length)
    ]
    return pipeline(nodes, namespace=name, parameters={"params:options"})


def register_pipelines():
    found = {f"part{number}": _chain(f"part{number}", @LENGTH@) for number in range(@NAMESPACES@)}
    return {**found, "__default__": sum(found.values(), pipeline([]))}
"""

_ON_S3 = "paths: {raw: s3://large-data/01_raw, model: s3://large-data/06_models}\n"
_CLOCK = """\
from datetime import datetime

CONFIG_LOADER_ARGS = {"custom_resolvers": {"today": lambda: datetime.now().date().isoformat()}}
"""


def write_large_project(folder: Path, *, on_s3: bool = True, clock: bool = False) -> Path:
    """Write the project into a folder, which may not exist yet, and return the folder. No input of it has data.

    Unless it is `on_s3`, the environment has no globals of its own, so that all data lies on this machine. With a
    `clock` its configuration has a resolver that reads it.
    """
    length = NODES // NAMESPACES
    files = {
        "pyproject.toml": f"""
            [tool.kedro]
            package_name = "{PACKAGE}"
            project_name = "{PACKAGE}"
            kedro_init_version = "1.0.0"
            source_dir = "src"
            """,
        f"src/{PACKAGE}/__init__.py": "",
        f"src/{PACKAGE}/settings.py": _CLOCK if clock else "",
        f"src/{PACKAGE}/pipeline_registry.py": _REGISTRY.replace("@LENGTH@", str(length)).replace(
            "@NAMESPACES@", str(NAMESPACES)
        ),
        "conf/base/globals.yml": "paths: {raw: data/01_raw, model: data/06_models}\n",
        "conf/base/parameters.yml": "options: {pause: 0.1, depth: 3}\n",
        "conf/base/catalog.yml": _catalog(length),
        "conf/local/.gitkeep": "",
        **({"conf/aws_batch/globals.yml": _ON_S3} if on_s3 else {}),
        "conf/aws_batch/catalog.yml": "{}\n",
        "conf/aws_batch/parameters.yml": "aws_batch: {job_queue: large_queue, job_definition: kedro_run}\n",
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def _catalog(length: int) -> str:
    """Return the entries: the inputs first, then as many of what nodes write; the rest stays in memory."""
    names = [f"part{part}.d{number}" for number in range(length) for part in range(NAMESPACES)][:ENTRIES]
    return "".join(f"{json.dumps(name)}: {json.dumps(_entry(name))}\n" for name in names)


def _entry(name: str) -> dict[str, str]:
    folder = "raw" if name.endswith(".d0") else "model"
    return {"type": "pickle.PickleDataset", "filepath": f"${{globals:paths.{folder}}}/{name}.pkl"}
