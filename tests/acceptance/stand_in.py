"""Stands in for `kedro_aws_batch.job`: a real process that leaves traces, in 30 ms rather than in Kedro's seconds.

`support.make_project` puts it as `kedro_aws_batch/job.py` into the directory where the jobs run. `python -m` looks
there before it looks at installed packages, so the service's command for every job starts this file,
with a job's environment. Neither the service nor the embedded AWS knows the difference.

For each node it appends a line to the file of `STAND_IN_TRACES` when it begins and another when it is done. `STAND_IN`,
which a node has in the environment of its resources, says how it behaves: `seconds` to sleep, and `exits`, the exit
codes of its first, second … time, counted over all runs; after those it succeeds. A slice of a node that is split is
named as `clean[7/50]`; those in `fails_once` fail the first time, and each copies its files from the first to the
second folder of `partitions`.
"""

import base64
import hashlib
import json
import os
import sys
import time
import zlib
from pathlib import Path
from typing import Any

TRACES = Path(os.environ["STAND_IN_TRACES"])


def trace(what: str, run_id: str, node: str) -> None:
    """Append a line, whole even when others append at the same time."""
    line = {"what": what, "run_id": run_id, "node": node, "pid": os.getpid(), "at": time.time()}
    file = os.open(TRACES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, json.dumps(line).encode() + b"\n")
    os.close(file)


def times_begun(node: str) -> int:
    """Return how often a node has begun, this time included."""
    lines = map(json.loads, TRACES.read_text(encoding="utf-8").splitlines())
    return sum(line["node"] == node and line["what"] == "begun" for line in lines)


def told() -> "dict[str, Any]":
    """Return the payload: as it is, compressed, or asked for."""
    payload: dict[str, Any] = json.loads(os.environ["KEDRO_AWS_BATCH_JOB"])
    if "packed" in payload:
        return dict(json.loads(zlib.decompress(base64.b64decode(payload["packed"]))))
    if "ask" not in payload:
        return payload
    import boto3  # noqa: PLC0415 - seldom needed, and slow

    index = os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX")
    whom = payload["ask"]
    asked = {"run_id": payload["run_id"], "job": whom["job"], "token": whom["token"], "index": index and int(index)}
    answer = boto3.client("lambda").invoke(FunctionName=whom["function"], Payload=json.dumps(asked).encode())
    return {**json.loads(answer["Payload"].read())["payload"], "asked": True}


def copy_slice(part: "dict[str, Any]", source: Path, target: Path) -> None:
    """Copy the files whose ids, their paths, fall into a slice, as docs/contracts.md says which do."""
    for file in source.rglob("*.txt"):
        digest = hashlib.sha256(file.relative_to(source).as_posix().encode()).digest()
        if 1 + int.from_bytes(digest[:8], "big") % part["into"] == part["number"]:
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())


def main() -> int:
    """Behave as the environment says and return the exit code."""
    payload = told()
    group = payload["groups"][0 if "asked" in payload else int(os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX", "0"))]
    behaviour = json.loads(os.environ.get("STAND_IN", "{}"))
    exits = behaviour.get("exits", [])
    part = group.get("slice")
    for name in group["nodes"]:
        node = f"{name}[{part['number']}/{part['into']}]" if part else name
        trace("begun", payload["run_id"], node)
        time.sleep(behaviour.get("seconds", 0))
        if exits and (times := times_begun(node)) <= len(exits) and exits[times - 1]:
            return int(exits[times - 1])
        if node in behaviour.get("fails_once", ()) and times_begun(node) == 1:
            return 1
        if part and "partitions" in behaviour:
            copy_slice(part, *map(Path, behaviour["partitions"]))
        trace("done", payload["run_id"], node)
    return 0


if __name__ == "__main__":
    sys.exit(main())
