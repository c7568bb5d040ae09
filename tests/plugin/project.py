"""Writes small Kedro projects, each with its own package name, so that one test process can open many."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

_NUMBERS = count()

CONFIGURATION: dict[str, Any] = {"job_queue": "main_queue", "job_definition": "kedro_run"}
PREAMBLE = """\
from kedro.pipeline import Pipeline, node, pipeline


def same(x):
    return x


def pair(*many):
    return list(many)


def fail(x):
    raise RuntimeError(f"no luck with {x}")
"""
CHAIN = """\
def register_pipelines():
    first = pipeline([node(same, "raw", "middle", name="first", tags=["early"])])
    second = pipeline([node(same, "middle", "final", name="second")])
    return {"__default__": first + second, "opening": first, "ending": second}
"""


@dataclass(frozen=True)
class Sources:
    """A project's files; the catalog and the parameters are those of the environment `aws_batch`."""

    registry: str = CHAIN
    catalog: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] | None = field(default_factory=lambda: dict(CONFIGURATION))
    parameters: dict[str, Any] = field(default_factory=dict)
    base_catalog: dict[str, Any] = field(default_factory=dict)
    settings: str = ""
    package: str | None = None
    modules: dict[str, str] = field(default_factory=dict)


def write_project(folder: Path, sources: Sources) -> Path:
    """Write a Kedro project and return its folder; by default its package gets a unique name."""
    package = sources.package or f"project_{folder.name.replace('-', '_').lower()}_{next(_NUMBERS)}"
    project = folder / package
    parameters = {**sources.parameters, "aws_batch": sources.configuration}
    files = {
        "pyproject.toml": f"""
            [tool.kedro]
            package_name = "{package}"
            project_name = "{package}"
            kedro_init_version = "1.0.0"
            source_dir = "src"
            """,
        f"src/{package}/__init__.py": "",
        f"src/{package}/settings.py": sources.settings,
        "conf/base/catalog.yml": yaml.safe_dump(sources.base_catalog),
        "conf/local/.gitkeep": "",
        "conf/aws_batch/catalog.yml": yaml.safe_dump(sources.catalog, sort_keys=False),
        "conf/aws_batch/parameters.yml": yaml.safe_dump(parameters, sort_keys=False),
        **{f"src/{package}/{name}": text for name, text in sources.modules.items()},
    }
    for name, text in files.items():
        _write(project / name, textwrap.dedent(text))
    _write(project / f"src/{package}/pipeline_registry.py", PREAMBLE + "\n\n" + textwrap.dedent(sources.registry))
    return project


def pickled(path: str, **more: Any) -> dict[str, Any]:
    """Return the catalog entry of a pickle file."""
    return {"type": "pickle.PickleDataset", "filepath": path, **more}


REMOTE_CHAIN: dict[str, Any] = {
    "raw": pickled("s3://bucket/raw.pkl"),
    "middle": pickled("s3://bucket/middle.pkl", versioned=True),
    "final": pickled("s3://bucket/final.pkl", versioned=True),
}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
