"""The environment variables that more than one part knows: each name stands here once."""

from __future__ import annotations

#: Ours: tells a job what to run, and says where it finds its configuration, if not in the project's own folder of it.
JOB = "KEDRO_AWS_BATCH_JOB"
CONF_SOURCE = "KEDRO_AWS_BATCH_CONF_SOURCE"
#: Kedro's: keeps it from telling of its use.
NO_TELEMETRY = "KEDRO_DISABLE_TELEMETRY"
#: AWS's. ECS sets the first on Fargate alone, and boto3 reads the second alone.
REGION = "AWS_REGION"
DEFAULT_REGION = "AWS_DEFAULT_REGION"
#: Batch's, in each job: the index is that of an array's child, and the first attempt is number 1.
BATCH_JOB = "AWS_BATCH_JOB_ID"
BATCH_ATTEMPT = "AWS_BATCH_JOB_ATTEMPT"
BATCH_INDEX = "AWS_BATCH_JOB_ARRAY_INDEX"
#: The functions', which a run on this machine changes: where the graph is, and how long an invocation may live.
GRAPH_DOCUMENT = "GRAPH_DOCUMENT"
LONGEST_INVOCATION = "LONGEST_INVOCATION_SECONDS"
