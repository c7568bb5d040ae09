"""How long a run will take, for `run --dry-run`: by what earlier local runs have left, or the service has learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.durations import with_durations
from kedro_aws_batch._service.dag.expected import LOCAL, Expected, expected
from kedro_aws_batch._service.dag.plan import start_key
from kedro_aws_batch._service.dag.preview import plan_of
from kedro_aws_batch.aws import client
from kedro_aws_batch.client import Service
from kedro_aws_batch.errors import ServiceError
from kedro_aws_batch.estimate import WHERE_FREE, words_expected
from kedro_aws_batch.kept.learned import kept_durations
from kedro_aws_batch.launch.machine import vcpus_here
from kedro_aws_batch.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .prepare import Prepared

NEW = "How long it takes is not known: none of it ever ran before."
#: Why the service can't tell, by the type of its error; other errors speak for themselves.
NOT_ASKED = {
    "Unreachable": "which can't be reached now",
    "Refused": "which can't be called from here",
    "GraphMismatch": "which has another graph deployed",
}


@dataclass(frozen=True)
class ToExpect:
    """A run to come."""

    prepared: Prepared
    request: Mapping[str, Any]
    carrying: bool

    def here(self, start_seconds: float = 0) -> str:
        """Return what is expected of it as a local run, by earlier ones, whose containers share this machine."""
        document = self.prepared.compiled.read
        known = kept_durations(self.prepared.project.path, document.project, document.environment)
        plan = with_durations(plan_of(document, self.request), known)
        if start_seconds:
            plan = replace(plan, starts={start_key(group.resources): start_seconds for group in plan.groups})
        vcpus = vcpus_here(self.prepared.compiled.document, self.request.get("params", {}))
        where = f"on {counted(vcpus, 'core')} that nothing else keeps busy"
        return self._told(expected(plan, LOCAL, vcpus), where)

    def there(self, service: str) -> str:
        """Return what the service expects of it, or why that can't be told."""
        request = {**self.request, "graph_digest": self.prepared.compiled.document["digest"]}
        try:
            told = Service(service, client("lambda", hurried=True)).rehearse(request).expected
        except ServiceError as error:
            if error.type in NOT_ASKED:
                return f"How long it takes only the deployed service knows, {NOT_ASKED[error.type]}."
            return f"The deployed service would not run it now: {error}"
        return self._told(Expected(**told) if told else None, WHERE_FREE)

    def _told(self, found: Expected | None, where: str) -> str:
        return NEW if found is None else words_expected(found, where, carrying=self.carrying)
