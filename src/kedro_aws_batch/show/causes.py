"""Why jobs failed: adds the ends of their logs to the service's description of a run.

Batch says only "Essential container in task exited". The job has written the reason into its log. The ends of the logs
of the first jobs that failed are read, each once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kedro_aws_batch._service.dag.events import OWN_LOG_GROUP
from kedro_aws_batch._service.dag.records import EXITED
from kedro_aws_batch.container.failing import read_failure

from .outcome import LAST_WORDS, end_of_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kedro_aws_batch.client import GroupState, RunState
    from kedro_aws_batch.container.failing import Failure

    #: Returns the last lines of a failed job's log; none if there are none, or they can't be read.
    Read = Callable[[GroupState], list[str]]
    #: Returns where a browser shows a job's log.
    Link = Callable[[str, GroupState], str | None]

#: Failed jobs whose logs are read for each description. GetLogEvents: 10 to 25 a second per account and Region.
MOST = 10


@dataclass
class Causes:
    """Reads why jobs failed, each job's log until it has the reason. Make a new one for each viewer of a run."""

    read: Read
    link: Link = lambda _run_id, _group: None
    _known: dict[str, Failure] = field(default_factory=dict)

    def __call__(self, state: RunState) -> RunState:
        """Return a run with the reasons from its failed jobs' logs."""
        failed = [group for group in state.groups if group.status == "FAILED"]
        if not failed:
            return state
        unknown = [group for group in failed if _unexplained(group) and _key(group) not in self._known][:MOST]
        if unknown:
            with ThreadPoolExecutor(len(unknown)) as threads:
                for group, lines in zip(unknown, threads.map(self.read, unknown), strict=True):
                    if (failure := read_failure(lines)) is not None:
                        self._known[_key(group)] = failure
        told = {group.index: self._told(state.run_id, group) for group in failed}
        return with_reasons(state, told)

    def _told(self, run_id: str, group: GroupState) -> GroupState:
        failure, url = self._known.get(_key(group)), self.link(run_id, group)
        if failure is None:
            return replace(group, log_url=url)
        return replace(group, log_url=url, error=failure.error, error_node=failure.node)


def with_reasons(state: RunState, told: Mapping[int, GroupState]) -> RunState:
    """Return a run with these groups; if the run's first cause was one of them, with that one's reason.

    Jobs that were ended because of it quote the run's reason, and get that one, too.
    """
    groups = tuple(told.get(group.index, group) for group in state.groups)
    reason = state.reason or ""
    for group in told.values():
        title = group.nodes[0] + (f" (+{len(group.nodes) - 1})" if len(group.nodes) > 1 else "")
        if group.error is not None and reason.startswith(f"{title} failed: {EXITED}"):
            why = f"{group.error_node or title} failed: {group.error}"
            return replace(state, groups=tuple(_quoting(one, reason, why) for one in groups), reason=why)
    return replace(state, groups=groups)


def _quoting(group: GroupState, reason: str, why: str) -> GroupState:
    """Return a group whose reason quotes another one of the run."""
    return replace(group, reason=group.reason.replace(reason, why)) if group.reason else group


def in_cloudwatch(logs: Callable[[], Any]) -> Causes:
    """Return a reader of jobs' logs on AWS, whose client is made on first use."""

    def read(group: GroupState) -> list[str]:
        return end_of_log(logs(), group, LAST_WORDS)[0]

    return Causes(read, lambda _, group: in_console(logs().meta.region_name, group))


def in_console(region: str, group: GroupState) -> str | None:
    """Return where CloudWatch's console shows a stream. It takes names quoted twice, with `$` for the outer `%`."""
    if not group.log_stream:
        return None
    names = [
        quote(quote(name, safe=""), safe="").replace("%", "$")
        for name in (group.log_group or OWN_LOG_GROUP, group.log_stream)
    ]
    return f"https://console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{names[0]}/log-events/{names[1]}"


def _unexplained(group: GroupState) -> bool:
    """Whether its job ran and failed by itself. If Batch ended a job, Batch gives the reason."""
    return group.error is None and bool(group.log_stream) and (group.reason or EXITED) == EXITED


def _key(group: GroupState) -> str:
    return f"{group.index} {group.job_id} {group.log_stream}"
