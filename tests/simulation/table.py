"""The run table in virtual time: the real adapter, on a DynamoDB with latency, failures and lost answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from adapters.run_table import DynamoRunTable
from benchmarks.aws.dynamodb import Line, MeteredDynamoDB
from benchmarks.aws.expressions import Item
from dag.records import Run
from dag.shards import View
from dag.status import RunStatus
from runs.reading import read_all
from tests.simulation.promises import BrokenPromiseError

#: Attempts of botocore's standard mode, and the longest pause between two, in ms.
_ATTEMPTS, _LONGEST_PAUSE = 5, 20_000


class Wire(Line):
    """The connection between an invocation and DynamoDB."""

    def __init__(
        self, call: Callable[[str], None], pause: Callable[[int], None], throttled: Callable[[], bool]
    ) -> None:
        self._call = call
        self._pause = pause
        self._throttled = throttled

    def depart(self, operation: str) -> None:
        self._call(operation)

    def admit(self, writes: Mapping[str, int], reads: Mapping[str, int]) -> bool:  # noqa: ARG002 - a Line's
        return not self._throttled()

    def back_off(self, attempt: int) -> None:
        if attempt >= _ATTEMPTS:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "throttled"}}, "DynamoDB")
        self._pause(min(_LONGEST_PAUSE, 500 * 2 ** (attempt - 1)))


class SimulatedDynamoDB(MeteredDynamoDB):
    """A client. A request too large for AWS, and a read that may be stale, break a promise at once.

    If an answer is lost, the SDK repeats the request, which then takes effect twice.
    """

    def __init__(self, wire: Wire, page_bytes: int, loses_answer: Callable[[str], bool]) -> None:
        super().__init__(wire, page_bytes)
        self._loses_answer = loses_answer

    def get_item(self, *, ConsistentRead: bool = False, **request: Any) -> Item:  # noqa: N803 - boto3's
        return super().get_item(ConsistentRead=_strong(ConsistentRead), **request)

    def query(self, *, ConsistentRead: bool = False, **request: Any) -> Item:  # noqa: N803 - boto3's
        return super().query(ConsistentRead=_strong(ConsistentRead), **request)

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's
        for wanted in RequestItems.values():
            _strong(wanted.get("ConsistentRead", False))
        return super().batch_get_item(RequestItems=RequestItems)

    def _request(self, operation: str, effect: Callable[[], Any]) -> Item:
        try:
            answer = super()._request(operation, effect)
            return super()._request(operation, effect) if self._loses_answer(operation) else answer
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationException":
                raise BrokenPromiseError(f"DynamoDB refuses {operation}: {error}") from error
            raise


def _strong(consistent: bool) -> bool:
    if not consistent:
        raise BrokenPromiseError("something was read that may be stale")
    return consistent


class Peek:
    """Looks into the table without asking for it."""

    def __init__(self, dynamodb: MeteredDynamoDB) -> None:
        client: Any = dynamodb.unmetered()
        self._dynamodb = dynamodb
        self.table = DynamoRunTable(client, "runs")

    def runs(self) -> list[Run]:
        """Return all runs."""
        found = (self.table.get_run(pk.removeprefix("run#")) for pk in self._dynamodb.partitions("run#"))
        return [run for run in found if run is not None]

    def is_over(self) -> bool:
        """Return whether any run is over."""
        items = (self._dynamodb.peek(pk, "status") for pk in self._dynamodb.partitions("run#"))
        return any(item["status"]["S"] != RunStatus.RUNNING.value for item in items if item and "status" in item)

    def is_open(self) -> bool:
        """Return whether a run is on the list of runs that are not settled."""
        return bool(self._dynamodb.keys("active"))

    def view(self, run_id: str) -> View:
        """Return a run's shards."""
        return read_all(self.table, run_id)
