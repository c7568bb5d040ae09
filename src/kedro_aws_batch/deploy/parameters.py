"""All settings of a deployment, in one table: the values that each param may have, checked before any call.

Values that osls and CloudFormation would fail with, or roll back after minutes, are refused here in a sentence.
`resources/settings.yml` and the templates' own Parameters must agree with the table: tests/deploy check that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.limits import JOB_STATE_SECONDS
from kedro_aws_batch._service.dag.problems import Problem

FARGATE, EC2, OWN = "fargate", "ec2", "own"
#: PutRetentionPolicy, `retentionInDays`: CloudWatch Logs takes no other number.
LOG_RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_FLAG = ("false", "true")


@dataclass(frozen=True)
class Parameter:
    """The values that a param may have. At most one of `choices`, `lowest` with `highest`, and `pattern` is set."""

    help: str  #: continues `<name>, …`
    #: The default; None if it follows from something else, as the help says.
    default: str | None = ""
    choices: tuple[str, ...] = ()
    lowest: int | None = None
    highest: int | None = None
    #: A number outside the range with a meaning of its own.
    also: int | None = None
    #: For the whole value, or with `most` for each of up to that many values separated by commas.
    pattern: str | None = None
    most: int | None = None
    example: str = ""
    #: The values of `batch` for which it exists.
    of: tuple[str, ...] = (FARGATE, EC2, OWN)
    required: bool = False

    @property
    def wanted(self) -> str:
        """Return the allowed values, in words."""
        if self.choices:
            return " or ".join(filter(None, [", ".join(self.choices[:-1]), self.choices[-1]]))
        if self.lowest is not None:
            also = "" if self.also is None else f"{self.also}, or "
            return f"{also}a whole number from {self.lowest} to {self.highest}"
        many = "" if self.most is None else f"1 to {self.most}, separated by commas without spaces, "
        return f"{many}like {self.example}"

    def allows(self, value: str) -> bool:
        """Whether it may have a value."""
        if self.choices:
            return value in self.choices
        if self.lowest is not None and self.highest is not None:
            number = int(value) if re.fullmatch(r"\d{1,9}", value) else None
            return number is not None and (number == self.also or self.lowest <= number <= self.highest)
        items = [value] if self.most is None else value.split(",")
        return len(items) <= (self.most or 1) and all(re.fullmatch(self.pattern or ".*", item) for item in items)


PARAMETERS: Mapping[str, Parameter] = {
    "batch": Parameter(
        help="where jobs run: on the stack's queue, by aws_batch.launch_type, or on your own",
        default=None,
        choices=(FARGATE, EC2, OWN),
    ),
    "region": Parameter(
        help="the Region; else that of AWS_REGION",
        default=None,
        pattern=r"[a-z]{2}(-[a-z]+)+-\d",
        example="eu-west-1",
    ),
    "image": Parameter(
        help="the image of the jobs, in a registry",
        pattern=r"[a-z0-9][\w.-]*(:\d+)?(/[\w.-]+)*(:[\w.-]+)?(@sha256:[0-9a-f]{64})?",
        example="123456789012.dkr.ecr.eu-west-1.amazonaws.com/flights:1",
        of=(FARGATE, EC2),
        required=True,
    ),
    "subnets": Parameter(  # CreateComputeEnvironment: "Fargate compute resources can contain up to 16 subnets"
        help="the ids of the subnets in which jobs run",
        pattern=r"subnet-[0-9a-f]{8,17}",
        most=16,
        example="subnet-0123456789abcdef0",
        of=(FARGATE, EC2),
        required=True,
    ),
    "security_groups": Parameter(  # ECS' AwsVpcConfiguration, by which Fargate's jobs have a network, takes five
        help="the ids of the security groups that let jobs reach S3, ECR and CloudWatch",
        pattern=r"sg-[0-9a-f]{8,17}",
        most=5,
        example="sg-0123456789abcdef0",
        of=(FARGATE, EC2),
        required=True,
    ),
    "spot": Parameter(
        help="whether hosts cost less and may be reclaimed", default="false", choices=_FLAG, of=(FARGATE, EC2)
    ),
    "max_vcpus": Parameter(
        help="the most vCPUs in use at once", default="64", lowest=1, highest=1_000_000, of=(FARGATE, EC2)
    ),
    "assign_public_ip": Parameter(
        help="whether jobs have a public address, which they need in public subnets",
        default="DISABLED",
        choices=("DISABLED", "ENABLED"),
        of=(FARGATE, EC2),
    ),
    "instance_types": Parameter(
        help="the families or types of the hosts",
        default="optimal",
        pattern=r"optimal|default_x86_64|default_arm64|[a-z][a-z0-9-]*(\.[a-z0-9-]+)?",
        most=100,
        example="g5 or m6i.4xlarge",
        of=(FARGATE, EC2),
    ),
    "fair_share": Parameter(
        help="whether the queue shares fairly; only for a new queue", default="false", choices=_FLAG, of=(FARGATE, EC2)
    ),
    "runnable_limit_seconds": Parameter(
        help="after how many seconds a job without a place is cancelled; 0 lets it wait",
        default="0",
        lowest=JOB_STATE_SECONDS.least,
        highest=JOB_STATE_SECONDS.most,
        also=0,
        of=(FARGATE, EC2),
    ),
    "compute_environment_name": Parameter(
        help="the compute environment's name, on EC2; else CloudFormation makes one up",
        pattern=r"([A-Za-z0-9_-]{1,128})?",
        example="spaceflights_env",
        of=(EC2,),
    ),
    "job_role_name": Parameter(
        help="the name of the jobs' role; else CloudFormation makes one up",
        pattern=r"([\w+=,.@-]{1,64})?",
        example="batchJobRole",
        of=(FARGATE, EC2),
    ),
    "permissions_boundary": Parameter(
        help="the ARN of the policy that bounds every role of the stack",
        pattern=r"(arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+)?",
        example="arn:aws:iam::123456789012:policy/boundary",
    ),
    "role_path": Parameter(  # a role's path never changes: CloudFormation makes another role
        help="the path of the stack's roles, set before the first deployment",
        default="/",
        pattern=r"/([\w+=,.@-]{1,100}/)*",
        example="/teams/ml/",
    ),
    "kms_key": Parameter(  # a log group takes no alias
        help="the ARN of a KMS key of your own for the run table, the queues and the logs",
        pattern=r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+)?",
        example="arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
    "alarm_email": Parameter(
        help="who gets a mail when something is wrong", pattern=r"([^@\s]+@[^@\s]+\.[^@\s]+)?", example="me@example.com"
    ),
    "stalled_hours": Parameter(  # PutMetricAlarm: Period × EvaluationPeriods is seven days at most
        help="the hours without an ended job, while runs are open, until there is an alarm",
        default="6",
        lowest=1,
        highest=168,
    ),
    "log_retention_days": Parameter(
        help="how many days logs are kept", default="30", choices=tuple(map(str, LOG_RETENTIONS))
    ),
    "run_retention_days": Parameter(  # from its end on; an open run outlives it
        help="how many days the table keeps a run, from its end on", default="90", lowest=1, highest=3_650
    ),
    "table_protected": Parameter(
        help="whether the run table is protected from deletion; in the stage dev it isn't",
        default="true",
        choices=_FLAG,
    ),
    "table_deletion_policy": Parameter(
        help="whether the run table stays when the stack is removed (Retain), or goes with it, as in the stage dev",
        default="Retain",
        choices=("Retain", "Delete"),
    ),
}


def wrong_params(params: Mapping[str, Any], batch: str, others: Iterable[str] = ()) -> list[Problem]:
    """Return what is wrong with the params of a stage that is deployed to `batch`.

    `others` are names that are read elsewhere. Values that osls fills in later, `${env:…}`, can't be checked.
    """
    known = [*PARAMETERS, *others]
    problems = []
    for name, value in params.items():
        if name not in known:
            near = did_you_mean(name, known).strip() or f"There are: {', '.join(sorted(known))}."
            problems.append(Problem(f"param '{name}'", "is not a param.", near))
        elif name in PARAMETERS and value is not None and "${" not in str(value):
            problems += _wrong(name, value, batch)
    return problems + [
        Problem(f"param '{name}'", f"is missing: {each.help}.", f'Set it in `params`, or by --param="{name}=…".')
        for name, each in PARAMETERS.items()
        if each.required and batch in each.of and not params.get(name)
    ]


def text_of(value: Any) -> str:
    """Return a value of YAML as osls passes it on."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrong(name: str, value: Any, batch: str) -> list[Problem]:
    parameter = PARAMETERS[name]
    where = f"param '{name}'"
    if parameter.required and value == "":
        return []  # it is missing
    if isinstance(value, (list, dict)) or not parameter.allows(text_of(value)):
        return [Problem(where, f"is {value!r}.", f"It may be {parameter.wanted}.")]
    if name == "compute_environment_name" and batch == FARGATE and value != "":
        # Every change of its subnets, security groups or spot replaces it, and CloudFormation makes the new one before
        # it deletes the old: "cannot update a stack when a custom-named resource requires replacing".
        return [Problem(where, "can't be set on Fargate, where a change replaces the environment.", "Remove it.")]
    return []
