"""What is deployed, as serverless.yml says, and what its invocations have used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.aws import figures

TIMEOUT_MS = 60_000
_MEMORY = {"start_run": 1769, "job_state_change": 512, "reconcile": 512}


@dataclass(frozen=True)
class Deployment:
    """The settings in serverless.yml."""

    batch_size: int = 10
    window_ms: float = 0
    concurrency: int = 5
    memory_mb: Mapping[str, int] = field(default_factory=lambda: _MEMORY)  #: by function

    @staticmethod
    def deployed() -> Deployment:
        """Return the present settings in serverless.yml."""
        document = yaml.safe_load((Path(__file__).parents[2] / "serverless.yml").read_text(encoding="utf-8"))
        (mapping,) = (each["sqs"] for each in document["functions"]["job_state_change"]["events"] if "sqs" in each)
        window = mapping.get("maximumBatchingWindow", 0) * 1000
        usual = document["provider"]["memorySize"]
        memory = {name: each.get("memorySize", usual) for name, each in document["functions"].items()}
        return Deployment(mapping["batchSize"], window, mapping["maximumConcurrency"], memory)

    def __str__(self) -> str:
        """Return it in a table's form."""
        return f"{self.batch_size} · {self.window_ms / 1000:g} s · {self.concurrency}"

    def slowness(self, function: str) -> float:
        """Return how much longer CPU work takes in a function than on a full vCPU."""
        return max(1.0, figures.FULL_VCPU_MB.value / self.memory_mb[function])


@dataclass
class Usage:
    """The usage of Lambda and SQS for a run."""

    calls: Counter[str] = field(default_factory=Counter)
    invocations: Counter[str] = field(default_factory=Counter)
    billed_ms: Counter[str] = field(default_factory=Counter)
    cold: int = 0
    failed: int = 0  #: invocations that raised or ran out of time
    cpu_ms: float = 0.0  #: at a full vCPU, boto3 included
    sqs: int = 0
    most_events: int = 0  #: in one batch
