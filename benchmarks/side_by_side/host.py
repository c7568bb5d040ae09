"""The emulated AWS of the comparison, in a process of its own.

It reads lines and answers each with a line of JSON: the calls, and the CPU seconds of the functions' processes, since
the line before. It ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings, service_root
from tests.acceptance.support import function_pids

if TYPE_CHECKING:
    from kedro_aws_batch.local.loopback import Request, Response

#: Enough for the widest layer: no driver waits for vCPUs.
VCPUS = 512


def main() -> None:
    """Serve what the graph document in the given directory names, until the input ends."""
    directory = Path(sys.argv[1])
    seconds: dict[str, str] = json.loads(sys.argv[2])
    aws = EmbeddedAws(
        service=service_root(),
        graph_document=directory / "graph.json",
        jobs_cwd=directory,
        max_vcpus=VCPUS,
        job_definitions={name: JobDefinitionSettings(environment={"SLEEP": lasts}) for name, lasts in seconds.items()},
        job_entrypoint=("sh", "-c", 'exec sleep "$SLEEP"'),
    )
    with aws:
        calls = _count_calls(aws)
        aws.client("s3").create_bucket(Bucket="scratch")
        _say({"environment": aws.environment, "queue": aws.job_queue, "prefix": aws.service_prefix})
        before = 0.0
        for _ in sys.stdin:
            now = sum(map(cpu_seconds, function_pids()))
            _say({"calls": dict(calls), "cpu": now - before})
            before = now
            calls.clear()


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)


def _count_calls(aws: EmbeddedAws) -> Counter[str]:
    """Return a counter of the requests by service from now on."""
    calls: Counter[str] = Counter()
    running = aws._running  # noqa: SLF001 - a proxy before it would cost each call as much again
    assert running is not None
    gateway = running._gateway  # noqa: SLF001
    assert gateway is not None

    def count(request: Request) -> Response:
        scope = request.header("Authorization").partition("Credential=")[2].split("/")
        calls[scope[3] if len(scope) > 3 else "other"] += 1
        return gateway(request)

    running._gateway = count  # type: ignore[assignment]  # noqa: SLF001
    return calls


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
