"""Projects as new users have them, each with a node that fails until it is mended."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "first_day"
SETTINGS = 'CONFIG_LOADER_ARGS = {{"base_env": "{base}", "default_run_env": "local"}}\n'
REGISTRY = """\
from kedro.pipeline import node, pipeline

from first_day.nodes import by_month, total


def register_pipelines():
    return {"__default__": pipeline([
        node(by_month, "trips", "months", name="by_month"),
        node(total, "months", "summary", name="total"),
    ])}
"""
NODES = """\
def by_month(trips):
    return {"month": sorted(trips)}


def total(months):
    return len(months["mnth"])
"""


@dataclass(frozen=True)
class Kind:
    """How a project differs from what `kedro new` makes."""

    base: str = "base"
    #: Whether the catalog's paths begin with globals.
    with_globals: bool = False
    dockerfile: str = ""

    @property
    def root(self) -> str:
        """Return the beginning of the catalog's paths."""
        return "${globals:paths.root}" if self.with_globals else "data"


def write_first_day(folder: Path, kind: Kind) -> Path:
    """Write a project, with the data that it reads."""
    catalog = {
        name: {"type": "json.JSONDataset", "filepath": f"{kind.root}/{name}.json"}
        for name in ("trips", "months", "summary")
    }
    files = {
        "pyproject.toml": f"""
            [tool.kedro]
            package_name = "{PACKAGE}"
            project_name = "First day"
            kedro_init_version = "1.0.0"
            source_dir = "src"
            """,
        f"src/{PACKAGE}/__init__.py": "",
        f"src/{PACKAGE}/settings.py": SETTINGS.format(base=kind.base),
        f"src/{PACKAGE}/pipeline_registry.py": REGISTRY,
        f"src/{PACKAGE}/nodes.py": NODES,
        f"conf/{kind.base}/catalog.yml": json.dumps(catalog),
        "conf/local/.gitkeep": "",
        "data/trips.json": '["2026-02", "2026-01"]',
        "requirements.txt": "kedro\n",
        **({f"conf/{kind.base}/globals.yml": "paths: {root: data}\n"} if kind.with_globals else {}),
        **({"Dockerfile": kind.dockerfile} if kind.dockerfile else {}),
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def mend(project: Path) -> None:
    """Correct the node that fails."""
    file = project / f"src/{PACKAGE}/nodes.py"
    file.write_text(file.read_text(encoding="utf-8").replace("mnth", "month"), encoding="utf-8")
