"""redun on the emulated Batch, run by the Python of an environment of its own: see `drivers` for its output.

redun's own jobs write their results to its scratch folder. Here every job is `sleep`, as for all drivers, so the
results are put there before the job is submitted. The scratch folder is a directory, the backend SQLite in memory:
both cost redun less than S3 and a file would.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from redun import Scheduler, task
from redun.config import Config
from redun.executors.aws_batch import AWSBatchExecutor

if TYPE_CHECKING:
    from redun.scheduler import Job

redun_namespace = "side_by_side"


@task(executor="batch", version="1")
def node(name: str, above: list[None]) -> None:
    """Run a node after others."""


@task(version="1")
def everything(parents: list[list[int]]) -> list[None]:
    """Return all nodes, each after its parents."""
    nodes: list[None] = []
    for number, above in enumerate(parents):
        nodes.append(node(f"n{number}", [nodes[parent] for parent in above]))
    return nodes


class Executor(AWSBatchExecutor):
    """redun's own executor, with results where its jobs would have put them."""

    def _submit(self, job: Job) -> None:
        folder = Path(self.s3_scratch_prefix) / "jobs" / str(job.eval_hash)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "output").write_bytes(pickle.dumps(None))
        super()._submit(job)


def main() -> None:
    """Run the graph, given as the parents of each node."""
    queue, definition, scratch, parents = sys.argv[1:]
    Path(scratch).mkdir(parents=True)
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
    scheduler.add_executor(Executor("batch", scheduler, Config({"batch": tuned})["batch"]))
    scheduler.load()
    begin = time.perf_counter()
    scheduler.run(everything(json.loads(parents)))
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main()
