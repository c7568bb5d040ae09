"""The example's nodes as redun tasks: put into the project, whose folder is what an image of it would hold."""

from __future__ import annotations

from pathlib import Path

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from redun import task

redun_namespace = "example"


@task(executor="batch", version="1")
def node(name: str, _above: list[None]) -> None:
    """Run a node of the project after others, with its catalog."""
    project = Path.cwd()
    bootstrap_project(project)
    with KedroSession.create(project, env="aws_batch") as session:
        session.run(node_names=[name])
