"""Every figure of the simulated AWS, with its source. Latencies are ms, as the caller sees them."""

from __future__ import annotations

from dataclasses import dataclass

from dag import limits


@dataclass(frozen=True)
class Figure:
    """A figure and its source; `assumed` if AWS states none."""

    value: float
    what: str
    source: str


# AWS Batch -------------------------------------------------------------------------------------------------------
SUBMITS_A_SECOND = Figure(
    limits.SUBMITS_A_SECOND.most, "SubmitJob a second and account, 429 above", "AWS Batch quotas, not adjustable"
)
SUBMIT_MS = Figure(100, "SubmitJob, answered", "assumed")
DESCRIBE_MS = Figure(100, "what Batch is asked for, answered", "assumed")
LIST_MS = Figure(80, "a page of ListJobs, answered", "assumed")
TERMINATE_MS = Figure(50, "TerminateJob, answered", "assumed")
JOB_START_MS = Figure(0, "from SubmitJob to the job's start", "left out: it is the compute environment's, not ours")
JOB_OWN_MS = Figure(1_000, "what a container's first group takes besides its nodes", "measured, benchmarks/job_start")
SECOND_OWN_MS = Figure(600, "what its second group takes besides its nodes", "measured, benchmarks/warm_group")
GROUP_OWN_MS = Figure(250, "what each further group takes besides its nodes", "measured, benchmarks/warm_group")
FARGATE_BURST = Figure(limits.FARGATE_BURST.most, limits.FARGATE_BURST.what, limits.FARGATE_BURST.source)
FARGATE_LAUNCHES_A_SECOND = Figure(
    limits.FARGATE_LAUNCHES_A_SECOND.most,
    limits.FARGATE_LAUNCHES_A_SECOND.what,
    limits.FARGATE_LAUNCHES_A_SECOND.source,
)
FARGATE_BILLED_SECONDS = Figure(
    limits.FARGATE_BILLED_SECONDS.least,
    "seconds that a Fargate task is billed at least",
    limits.FARGATE_BILLED_SECONDS.source,
)

# EventBridge and SQS ---------------------------------------------------------------------------------------------
DELIVERY_MS = Figure(50, "from a job's end to its message in the queue, median", "assumed below the P99")
DELIVERY_P99_MS = Figure(129, "the same, P99", "EventBridge end-to-end latency as AWS announced it in 2023")
RECEIVE_MS = Figure(10, "ReceiveMessage by the mapping, of at most 10 messages", "assumed")
RECEIVE_AT_ONCE = Figure(limits.MESSAGES_AT_ONCE.most, "messages a ReceiveMessage", "SQS API reference")
SQS_CHUNK = Figure(64 * 1024, "bytes that are billed as one SQS request", "SQS pricing")
FIRST_BATCHES = Figure(5, "batches that a mapping handles at once to begin with", "Lambda guide, SQS scaling")
BATCHES_A_MINUTE = Figure(300, "more of them a minute while messages are left", "Lambda guide, SQS scaling")

# Lambda ----------------------------------------------------------------------------------------------------------
COLD_MS = Figure(600, "cold start, init included", "500–700 ms, measured on the packaged zip")
WARM_MS = Figure(10, "start of a warm invocation", "assumed")
ASK_MS = Figure(30, "next_group, billed, when a job asks for its payload", "assumed: warm, with the plan read")
INVOKE_MS = Figure(20, "from a container's request to the function, and back", "assumed")
IDLE_MS = Figure(300_000, "after which an idle environment is gone", "assumed; AWS does not say")
PAYLOAD = Figure(limits.INVOKE_BYTES.most, "bytes of a batch", "Lambda quotas: synchronous payload")
FULL_VCPU_MB = Figure(1769, "MB of memory that come with one vCPU", "Lambda guide, memory")
CLIENT_MS = Figure(0.7, "CPU of boto3 for one request, at a full vCPU", "measured, benchmarks/advance")

# DynamoDB --------------------------------------------------------------------------------------------------------
READ_MS = Figure(5, "GetItem, and the first MB of a Query or BatchGetItem", "single-digit ms, DynamoDB guide")
WRITE_MS = Figure(7, "PutItem, UpdateItem, DeleteItem", "single-digit ms, DynamoDB guide")
BATCH_WRITE_MS = Figure(12, "BatchWriteItem of 25", "assumed")
WRITES_A_SECOND = Figure(1000, "write units a second of one partition key", "DynamoDB guide, partition limits")
READS_A_SECOND = Figure(3000, "read units a second of one partition key", "DynamoDB guide, partition limits")
EVENTS_MS = Figure(20, "PutEvents, SendMessage", "assumed")

# Prices, us-east-1, dollars --------------------------------------------------------------------------------------
WRITE_UNIT = Figure(0.625e-6, "a DynamoDB write unit, on demand", "DynamoDB pricing")
READ_UNIT = Figure(0.125e-6, "a DynamoDB read unit, on demand", "DynamoDB pricing")
LAMBDA_REQUEST = Figure(0.20e-6, "a Lambda invocation", "Lambda pricing")
LAMBDA_GB_SECOND = Figure(0.0000133334, "a GB-second of Lambda on arm64, cold starts included", "Lambda pricing")
SQS_REQUEST = Figure(0.40e-6, "an SQS request", "SQS pricing")
CUSTOM_EVENT = Figure(1.0e-6, "a custom event; AWS services' own are free", "EventBridge pricing")
TRANSITION = Figure(25e-6, "a state transition of Step Functions", "Step Functions pricing, standard workflows")

#: The latency of each request, by its name.
REQUEST_MS = {
    **dict.fromkeys(("PutItem", "UpdateItem", "DeleteItem"), WRITE_MS.value),
    **dict.fromkeys(("GetItem", "Query", "BatchGetItem"), READ_MS.value),
    "BatchWriteItem": BATCH_WRITE_MS.value,
    **dict.fromkeys(("PutEvents", "SendMessage"), EVENTS_MS.value),
    **dict.fromkeys(("ReceiveMessage", "DeleteMessageBatch"), RECEIVE_MS.value),
    "SubmitJob": SUBMIT_MS.value,
    "ListJobs": LIST_MS.value,
    "TerminateJob": TERMINATE_MS.value,
    **dict.fromkeys(
        ("DescribeJobs", "DescribeJobQueues", "DescribeComputeEnvironments", "DescribeJobDefinitions"),
        DESCRIBE_MS.value,
    ),
}

ALL = {name: figure for name, figure in list(globals().items()) if isinstance(figure, Figure)}
