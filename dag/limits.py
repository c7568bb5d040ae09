"""AWS's limits, its answers beyond them, and their sources.

The product's checks, the embedded AWS and the simulated ones of tests and benchmarks read this one table. Answers in
`beyond` are quotes if the source names reports; the others are in our words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_API = "AWS Batch API reference, "
_KIB, _MIB = 1024, 1024 * 1024
#: The limit for numbers of an API whose reference names none.
INTEGER = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit on an amount."""

    what: str
    most: int
    least: int = 0
    #: AWS's answer beyond the limit; `{given}` and `{kib}` stand for the given amount.
    beyond: str
    source: str

    def allows(self, given: float) -> bool:
        """Return whether an amount is within the limit."""
        return self.least <= given <= self.most

    def answer(self, given: float) -> str:
        """Return AWS's answer to an amount beyond the limit."""
        return self.beyond.format(given=f"{given:.15g}", kib=-(-int(given) // _KIB))


@dataclass(frozen=True, kw_only=True)
class Form:
    """The required form of a text."""

    what: str
    pattern: re.Pattern[str]
    beyond: str
    source: str

    def allows(self, given: str) -> bool:
        """Return whether a text has the form."""
        return self.pattern.fullmatch(given) is not None

    def answer(self, given: str, kind: str = "") -> str:
        """Return AWS's answer to a text of another form; `kind` is the text's purpose."""
        return self.beyond.format(given=given, kind=kind)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Something that AWS always refuses; `answer` may have placeholders for given names."""

    what: str
    answer: str
    source: str


# Batch: one submission -------------------------------------------------------------------------------------------
SUBMIT_BYTES = Limit(
    what="bytes of a SubmitJob request",
    most=30 * _KIB,
    beyond="Job size must be less than 30 KiB, got {kib} KiB",
    source="AWS Batch quotas; the answer: ASFHyP3/hyp3#3041",
)
#: Batch starts a job, and each child of an array, by ECS RunTask. SubmitJob accepts more, and the job fails.
OVERRIDES = Limit(
    what="characters of a container's overrides, as the JSON that Batch passes to ECS RunTask",
    most=8192,
    beyond="Container Overrides length must be at most 8192",
    source="ECS API reference, RunTask, overrides; the answer: Netflix/metaflow#977, #1482, ASFHyP3/hyp3#3041",
)
JOB_NAME_LENGTH = Limit(
    what="characters of a job's name",
    most=128,
    least=1,
    beyond="Job name should match valid pattern",
    source=f"{_API}SubmitJob, jobName",
)
JOB_NAME = Form(
    what="a job's name, and that of a queue or definition",
    pattern=re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"),
    beyond=(
        "Job name should match valid pattern: first character alphanumeric, then up to 127 of letters, numbers, "
        "hyphens and underscores: '{given}'"
    ),
    source=f"{_API}SubmitJob, jobName",
)
VARIABLE_NAME = Form(
    what="the name of a job's environment variable",
    pattern=re.compile(r"(?!AWS_BATCH).+", re.DOTALL),
    beyond="Environment variable names can't start with AWS_BATCH: {given}",
    source=f"{_API}ContainerOverrides, environment",
)
SHARE_IDENTIFIER = Form(
    what="the share of a job in a fair-share queue",
    pattern=re.compile(r"[A-Za-z0-9]{1,255}\*?"),
    beyond="The share identifier takes up to 255 letters and digits, and may end with an asterisk: '{given}'",
    source=f"{_API}SubmitJob, shareIdentifier",
)
#: VCPU, MEMORY and GPU are texts.
AMOUNT = Form(
    what="an amount of a resource on EC2, and of memory or GPUs anywhere",
    pattern=re.compile(r"[1-9][0-9]*"),
    beyond="Value {given} for type {kind} in resourceRequirement is not valid. Please provide a numeric value.",
    source=f"{_API}ResourceRequirement; the answer: kestra-io/plugin-aws#504",
)
#: The sizes are in `dag.sizes.FARGATE`.
FARGATE_SIZE = Refused(
    what="vCPUs and memory of a job on Fargate are one of its sizes",
    answer="Fargate resource requirements ({vcpus:.2f} vCPU, {memory} MiB) not valid.",
    source=f"{_API}ResourceRequirement; the answer: Netflix/metaflow#749",
)
FARGATE_GPU = Refused(
    what="jobs on Fargate have no GPUs",
    answer="GPU is not applicable for Fargate.",
    source=f"{_API}ResourceRequirement, GPU; the answer's form: insitro/redun#95",
)
SHARE_MISSING = Refused(
    what="a job in a fair-share queue names its share",
    answer="shareIdentifier must be specified.",
    source=f"{_API}SubmitJob, shareIdentifier; the answer: boto/boto3#3158",
)
SHARE_UNWANTED = Refused(
    what="a job in any other queue names none",
    answer="shareIdentifier can't be specified for a job queue without a scheduling policy.",
    source=f"{_API}SubmitJob, shareIdentifier",
)
PRIORITY_MISSING = Refused(
    what="a job in a fair-share queue has a priority, its own or its definition's",
    answer="Either schedulingPriority in job definition or schedulingPriorityOverride should be specified.",
    source="nextflow-io/nextflow#3505",
)
EC2_VCPUS = Limit(
    what="vCPUs of a job on EC2",
    most=INTEGER,
    least=1,
    beyond="Each job on EC2 takes at least one vCPU, and a whole number of them, not {given}",
    source=f"{_API}ResourceRequirement, VCPU",
)
MEMORY_MIB = Limit(
    what="MiB of a job's memory",
    most=INTEGER,
    least=4,
    beyond="At least 4 MiB of memory must be specified for a job, not {given}",
    source=f"{_API}ResourceRequirement, MEMORY",
)
ARRAY_SIZE = Limit(
    what="children of an array job",
    most=10_000,
    least=2,
    beyond="Array job size must be between 2 and 10000, not {given}",
    source="AWS Batch quotas, array jobs",
)
DEPENDENCIES = Limit(
    what="jobs that one depends on",
    most=20,
    beyond="A job can depend upon a maximum of 20 jobs, not {given}",
    source=f"{_API}SubmitJob, dependsOn",
)
TIMEOUT_SECONDS = Limit(
    what="seconds of an attempt's timeout",
    most=INTEGER,
    least=60,
    beyond="Job timeout must be at least 60 seconds, not {given}",
    source=f"{_API}JobTimeout",
)
ATTEMPTS = Limit(
    what="attempts of a job",
    most=10,
    least=1,
    beyond="Retry attempts must be between 1 and 10, not {given}",
    source=f"{_API}RetryStrategy, attempts",
)
EXIT_RULES = Limit(
    what="rules of evaluateOnExit",
    most=5,
    beyond="evaluateOnExit takes up to 5 rules, not {given}",
    source=f"{_API}RetryStrategy, evaluateOnExit",
)
EXIT_PATTERN = Limit(
    what="characters of a pattern of evaluateOnExit",
    most=512,
    least=1,
    beyond="A pattern of evaluateOnExit takes up to 512 characters, not {given}",
    source=f"{_API}EvaluateOnExit",
)
PRIORITY = Limit(
    what="a job's priority within its share",
    most=9999,
    beyond="The scheduling priority must be from 0 to 9999, not {given}",
    source=f"{_API}SubmitJob, schedulingPriorityOverride",
)
TAGS = Limit(
    what="tags of a resource",
    most=50,
    beyond="A resource takes up to 50 tags, not {given}",
    source=f"{_API}SubmitJob, tags",
)
TAG_KEY = Limit(
    what="characters of a tag's name",
    most=128,
    least=1,
    beyond="The name of a tag takes 1 to 128 characters, not {given}",
    source=f"{_API}SubmitJob, tags",
)
TAG_VALUE = Limit(
    what="characters of a tag's value",
    most=256,
    beyond="The value of a tag takes up to 256 characters, not {given}",
    source=f"{_API}SubmitJob, tags",
)

# Batch: calls ----------------------------------------------------------------------------------------------------
SUBMITS_A_SECOND = Limit(
    what="SubmitJob calls a second of an account in a Region, not adjustable",
    most=50,
    beyond="TooManyRequestsException",
    source="AWS Batch quotas",
)
DESCRIBE_JOBS = Limit(
    what="jobs that DescribeJobs describes at once",
    most=100,
    beyond="At most 100 jobs can be described at once, not {given}",
    source=f"{_API}DescribeJobs",
)
LIST_JOBS_FILTERED = Limit(
    what="jobs in a page of ListJobs with a filter",
    most=100,
    least=1,
    beyond="a page and a nextToken",
    source=f"{_API}ListJobs, maxResults",
)
LIST_JOBS = Limit(
    what="jobs in a page of ListJobs by status",
    most=1000,
    least=1,
    beyond="a page and a nextToken",
    source=f"{_API}ListJobs, maxResults",
)
LIST_JOBS_FILTERS = Limit(
    what="filters of ListJobs",
    most=1,
    beyond="Only one filter can be used at a time, not {given}",
    source=f"{_API}ListJobs, filters",
)
REASON = Limit(
    what="characters of the reason given to TerminateJob",
    most=1024,
    least=1,
    beyond="The reason takes up to 1024 characters, not {given}",
    source=f"{_API}TerminateJob",
)
JOB_STATE_SECONDS = Limit(
    what="seconds after which a queue cancels its head",
    most=86_400,
    least=600,
    beyond="maxTimeSeconds must be from 600 to 86400, not {given}",
    source=f"{_API}JobStateTimeLimitAction",
)

# Fargate ---------------------------------------------------------------------------------------------------------
FARGATE_BURST = Limit(
    what="Fargate tasks that an account launches at once",
    most=100,
    beyond="the task waits",
    source="Amazon ECS endpoints and quotas, Fargate task launch rate",
)
FARGATE_LAUNCHES_A_SECOND = Limit(
    what="Fargate tasks that an account launches a second after those",
    most=20,
    beyond="the task waits",
    source="Amazon ECS endpoints and quotas, Fargate task launch rate",
)
FARGATE_BILLED_SECONDS = Limit(
    what="seconds that a Fargate task is billed, from the pull of its image on",
    most=INTEGER,
    least=60,
    beyond="the minute is billed",
    source="AWS Fargate pricing: per second, one minute at least",
)

# DynamoDB --------------------------------------------------------------------------------------------------------
ITEM_BYTES = Limit(
    what="bytes of an item, names included",
    most=400 * _KIB,
    beyond="Item size has exceeded the maximum allowed size",
    source="DynamoDB developer guide, quotas",
)
BATCH_WRITE = Limit(
    what="puts and deletes of a BatchWriteItem",
    most=25,
    least=1,
    beyond="Member must have length between 1 and 25, inclusive: {given}",
    source="DynamoDB API reference, BatchWriteItem",
)
BATCH_GET = Limit(
    what="keys of a BatchGetItem",
    most=100,
    least=1,
    beyond="Too many items requested for the BatchGetItem call",
    source="DynamoDB API reference, BatchGetItem",
)
QUERY_BYTES = Limit(
    what="bytes that a page of Query or Scan reads",
    most=_MIB,
    beyond="a page and a LastEvaluatedKey",
    source="DynamoDB developer guide, quotas",
)

# SQS, EventBridge and Lambda -------------------------------------------------------------------------------------
MESSAGE_BYTES = Limit(
    what="bytes of an SQS message, attributes included",
    most=_MIB,
    least=1,
    beyond="One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    source="SQS developer guide, quotas; 256 KiB before August 2025",
)
MESSAGES_AT_ONCE = Limit(
    what="messages of a batch sent, received or deleted",
    most=10,
    least=1,
    beyond="Maximum number of entries per request are 10. You have sent {given}.",
    source="SQS API reference, SendMessageBatch and ReceiveMessage",
)
EVENTS_AT_ONCE = Limit(
    what="events of a PutEvents",
    most=10,
    least=1,
    beyond="Member must have length less than or equal to 10: {given}",
    source="EventBridge API reference, PutEvents",
)
RULE_INPUT = Limit(
    what="characters of the template of a rule's input",
    most=8192,
    least=1,
    beyond="Member must have length less than or equal to 8192: {given}",
    source="EventBridge API reference, InputTransformer",
)
RULE_DESCRIPTION = Limit(
    what="characters of a rule's description",
    most=512,
    beyond="Member must have length less than or equal to 512: {given}",
    source="EventBridge API reference, PutRule",
)
INVOKE_BYTES = Limit(
    what="bytes of a function's request or response",
    most=6 * _MIB,
    beyond="Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    source="Lambda quotas, synchronous invocation",
)
INVOKE_ASYNC_BYTES = Limit(
    what="bytes of an asynchronous request",
    most=_MIB,
    beyond="Request must be smaller than 1048576 bytes for the InvokeFunction operation",
    source="Lambda quotas, asynchronous invocation; 256 KiB before October 2025",
)
PACKAGE_BYTES = Limit(
    what="bytes of a function's zip that is uploaded with the call",
    most=50 * _MIB,
    beyond="Request must be smaller than 70167211 bytes for the CreateFunction operation",
    source="Lambda quotas, deployment package",
)

#: All of it, by name.
LIMITS: Mapping[str, Limit | Form | Refused] = {
    name: value for name, value in sorted(globals().items()) if isinstance(value, (Limit, Form, Refused))
}
