"""Creates compute environments, job queues and job definitions, through Batch's own API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from kedro_aws_batch._service.dag.submission import COMMAND
from kedro_aws_batch.local.roles import role_arn

if TYPE_CHECKING:
    from kedro_aws_batch.local.place import Place


#: The memory of the definitions in resources/batch, by platform.
USUAL_MEMORY = {"EC2": 2000, "FARGATE": 2048}


@dataclass(frozen=True)
class JobDefinitionSettings:
    """A job definition. There is no container: the command runs with this Python, on a copy of the project."""

    command: tuple[str, ...] = COMMAND
    vcpus: float = 1
    #: In MiB, not enforced; None for that of `deploy`'s definitions.
    memory: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 1
    evaluate_on_exit: tuple[Mapping[str, str], ...] = ()
    #: `EC2` or `FARGATE`.
    platform: str = "EC2"
    #: Seconds per attempt.
    timeout: int | None = None
    #: The log group of jobs; None for Batch's own.
    log_group: str | None = None


class Compute:
    """Creates the resources that jobs run on."""

    def __init__(self, place: Place, client: Any) -> None:
        self._place = place
        self._client = client

    def create_queue(self, name: str, max_vcpus: int, platform: str, *, fair_share: bool = False) -> str:
        """Create a queue with a compute environment of its own, and return its ARN."""
        environment = f"{name}-compute"
        hosts = {} if platform == "FARGATE" else {"minvCpus": 0, "instanceTypes": ["optimal"]} | self._profile()
        made = self._client.create_compute_environment(
            computeEnvironmentName=environment,
            type="MANAGED",
            state="ENABLED",
            serviceRole=role_arn(self._place),
            computeResources={"type": platform, "maxvCpus": max_vcpus, **hosts, **self._network()},
        )
        order = [{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}]
        policy: dict[str, str] = {}
        if fair_share:
            shares = self._client.create_scheduling_policy(name=f"{name}-shares", fairsharePolicy={})
            policy["schedulingPolicyArn"] = shares["arn"]
        created = self._client.create_job_queue(
            jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=order, **policy
        )
        return str(created["jobQueueArn"])

    def register(self, name: str, settings: JobDefinitionSettings) -> str:
        """Register a definition, and return its ARN."""
        requirements = [
            {"type": "VCPU", "value": f"{settings.vcpus:g}"},
            {"type": "MEMORY", "value": str(settings.memory or USUAL_MEMORY[settings.platform])},
        ]
        retries: dict[str, Any] = {"attempts": settings.attempts}
        if settings.evaluate_on_exit:
            retries["evaluateOnExit"] = [dict(rule) for rule in settings.evaluate_on_exit]
        options = {} if settings.timeout is None else {"timeout": {"attemptDurationSeconds": settings.timeout}}
        logs: dict[str, Any] = {}
        if settings.log_group is not None:
            logs["logConfiguration"] = {"logDriver": "awslogs", "options": {"awslogs-group": settings.log_group}}
        created = self._client.register_job_definition(
            jobDefinitionName=name,
            type="container",
            platformCapabilities=[settings.platform],
            containerProperties={
                "image": "embedded",
                "command": list(settings.command),
                "resourceRequirements": requirements,
                "environment": [{"name": key, "value": value} for key, value in settings.environment.items()],
                **logs,
            },
            retryStrategy=retries,
            **options,
        )
        return str(created["jobDefinitionArn"])

    def _profile(self) -> dict[str, str]:
        """Return the role that EC2 hosts would have; there are no hosts."""
        backend = iam_backends[self._place.account]["aws"]
        found = next(iter(backend.get_instance_profiles()), None)
        return {"instanceRole": (found or backend.create_instance_profile("embedded", "/", [])).arn}

    def _network(self) -> dict[str, list[str]]:
        backend = ec2_backends[self._place.account][self._place.region]
        subnet = next(iter(backend.describe_subnets()))
        group = next(iter(backend.describe_security_groups()))
        return {"subnets": [subnet.id], "securityGroupIds": [group.id]}
