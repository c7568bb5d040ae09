"""redun on the emulated Batch, run by the Python of an environment of its own: see `drivers` for its output.

With `example` its jobs are the example's nodes (`redun_nodes`), and it does everything as it does on AWS. With
`sleeping` every job is `sleep`, as for all drivers. redun's own jobs write their results to its scratch folder, so the
results are put there before the job is submitted. The scratch folder is then a directory: that costs redun less than S3
would. The backend is SQLite in memory, which costs it less than a file would.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redun import Scheduler, task
from redun.config import Config
from redun.executors.aws_batch import AWSBatchExecutor

if TYPE_CHECKING:
    from redun.scheduler import Job

redun_namespace = "side_by_side"


@task(executor="batch", version="1")
def sleeping(name: str, above: list[None]) -> None:
    """Run a node after others."""


@task(version="1")
def everything(kind: str, names: list[str], parents: list[list[int]]) -> list[None]:
    """Return all nodes, each after its parents."""
    node = _node(kind)
    nodes: list[None] = []
    for name, above in zip(names, parents, strict=True):
        nodes.append(node(name, [nodes[parent] for parent in above]))
    return nodes


def _node(kind: str) -> Any:
    """Return the task of a node."""
    if kind == "sleeping":
        return sleeping
    from redun_nodes import node  # noqa: PLC0415 - only there is Kedro needed

    return node


class Sleeping(AWSBatchExecutor):
    """redun's own executor, with results where its jobs would have put them."""

    def _submit(self, job: Job) -> None:
        folder = Path(self.s3_scratch_prefix) / "jobs" / str(job.eval_hash)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "output").write_bytes(pickle.dumps(None))
        super()._submit(job)


def main() -> None:
    """Run the graph, given as the names and the parents of its nodes."""
    kind, queue, definition, scratch, names, parents = sys.argv[1:]
    tuned = {
        "image": "embedded",
        "queue": queue,
        "s3_scratch": scratch,
        "job_def_name": definition,
        "autocreate_job_def": "false",
        "code_package": "false",
        # Its defaults are 5 s, 3 s and 5 jobs.
        "job_monitor_interval": "0.1",
        "job_stale_time": "0.1",
        "min_array_size": "2",
    }
    scheduler = Scheduler(
        config=Config({"backend": {"db_uri": "sqlite:///:memory:"}, "scheduler": {"job_status_interval": "1000"}})
    )
    scheduler.logger.setLevel("ERROR")
    executor = Sleeping if kind == "sleeping" else AWSBatchExecutor
    scheduler.add_executor(executor("batch", scheduler, Config({"batch": tuned})["batch"]))
    scheduler.load()
    begin = time.perf_counter()
    scheduler.run(everything(kind, json.loads(names), json.loads(parents)))
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main()
