"""The embedded AWS: it runs on this machine what is deployed to AWS, with no account.

    with EmbeddedAws(service=service_root(), graph_document=path, jobs_cwd=project) as aws:
        aws.client("lambda").invoke(FunctionName=aws.function_name("start_run"))

moto's server runs in this process, on loopback. Batch's jobs and Lambda's functions are
processes of their own. Events go through the real rules and queues. Needs the extra
`kedro-aws-batch[local]`.
"""

from kedro_aws_batch.local.compute import JobDefinitionSettings
from kedro_aws_batch.local.embedded import EmbeddedAws
from kedro_aws_batch.local.errors import EmbeddedAwsError, TemplateError
from kedro_aws_batch.service_root import ServiceRootError, service_root

__all__ = [
    "EmbeddedAws",
    "EmbeddedAwsError",
    "JobDefinitionSettings",
    "ServiceRootError",
    "TemplateError",
    "service_root",
]
