"""The settings in the project's own serverless.yml that are needed before osls reads it, and calls of osls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.errors import KedroAwsBatchError
from kedro_aws_batch.graph.problems import require_none
from kedro_aws_batch.service_root import TEMPLATE

from .parameters import text_of, wrong_params

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Each stage has a directory below it, as serverless.yml also says.
STAGED = Path("build/aws_batch")
#: The params in serverless.yml that packaging reads and the templates don't.
_OURS = ("buckets", "reuse_buckets", "tags")


class DeploymentError(KedroAwsBatchError):
    """A project can't be deployed as it is."""


@dataclass(frozen=True)
class Target:
    """The stage of a project to deploy, and its settings."""

    project: Path
    stage: str
    #: From --param: they override those of serverless.yml.
    given: Mapping[str, str]

    @property
    def directory(self) -> Path:
        """Return the directory that packaging fills."""
        return self.project / STAGED / self.stage

    def params(self) -> dict[str, Any]:
        """Return the stage's params over those of all stages, with --param over both. Raises DeploymentError."""
        declared = _read(self.project).get("params") or {}
        parts = [declared.get(part) or {} for part in ("default", self.stage)]
        if not all(isinstance(part, dict) for part in parts):
            raise DeploymentError(
                f"`params` in {TEMPLATE} must have a mapping for 'default' and '{self.stage}'. Fix it."
            )
        return {**parts[0], **parts[1], **self.given}

    def region(self) -> str | None:
        """Return the Region to deploy to, if it is set; else that of the AWS credentials applies."""
        named = self.params().get("region")
        return None if named is None or "${" in str(named) else str(named)

    def buckets(self) -> list[str]:
        """Return the buckets, or parts of them, that jobs may read and write by serverless.yml."""
        return self._buckets("buckets")

    def reuse_buckets(self) -> list[str]:
        """Return the buckets, or parts of them, that start_run may list by serverless.yml."""
        return self._buckets("reuse_buckets")

    def _buckets(self, param: str) -> list[str]:
        found = self.params().get(param) or []
        names = found.split(",") if isinstance(found, str) else found
        if not isinstance(names, list) or any("${" in str(name) for name in names):
            raise DeploymentError(f"`{param}` in {TEMPLATE} is read before osls: write names, separated by commas.")
        return [str(name).strip() for name in names if str(name).strip()]

    def tags(self) -> dict[str, str]:
        """Return the stack's tags in serverless.yml. Raises DeploymentError for a wrong one."""
        found = self.params().get("tags") or ""
        if not isinstance(found, str):
            raise DeploymentError(f"`tags` in {TEMPLATE} must be a text: write name=value, separated by commas.")
        return dict(_tag(each) for each in found.split(",") if each.strip())


_TAG = re.compile(r"(?!aws:|kedro-)([\w .:/+@-]{1,128})=([\w .:/+=@-]{0,256})")


def _tag(text: str) -> tuple[str, str]:
    fits = _TAG.fullmatch(text.strip())
    if fits is None:
        raise DeploymentError(
            f"`tags` in {TEMPLATE} has {text.strip()!r}, which is not a tag: write name=value, separated by commas. "
            "Names that begin with aws: belong to AWS, those with kedro- to us."
        )
    return fits[1], fits[2]


def batch_of(target: Target, launch_type: str) -> str:
    """Return where jobs will run: fargate, ec2, or own (a queue that exists already).

    Raises ProblemsFoundError for params that are missing, unknown or wrong.
    """
    params = target.params()
    batch = text_of(params.get("batch") or launch_type)
    own = re.findall(r"\bparam:([\w-]+)", _text(target.project))
    require_none(wrong_params(params, batch, (*_OURS, *own)))
    return batch


def refuse_unchecked(words: Sequence[str]) -> None:
    """Raise DeploymentError for options that would reach osls unchecked."""
    for word in words:
        if (option := word.partition("=")[0]) in ("--param", "--region", "--stage"):
            raise DeploymentError(f"Give {option} before --, so that it is checked, too.")


def osls(project: Path) -> list[str]:
    """Return the command that calls osls in a project. Raises DeploymentError if it or Node is missing."""
    if shutil.which("node") is None:
        raise DeploymentError("Deploying needs Node 22 or newer, which was not found: install it (https://nodejs.org).")
    for folder in (project, *project.parents):
        found = folder / "node_modules/.bin/osls"
        if found.exists():
            return [str(found)]
    raise DeploymentError(
        f"The deployment tool osls isn't installed in '{project}': run `npm install` there. `kedro aws-batch init` "
        "writes the package.json for it."
    )


def call_osls(tool: Sequence[str], target: Target, more: Sequence[str]) -> int:
    """Have osls do this for a stage with the given params, and return its exit code."""
    params = [f"--param={name}={value}" for name, value in target.given.items()]
    environment = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", **os.environ}
    words = [*tool, f"--stage={target.stage}", *params, *more]
    return subprocess.run(words, cwd=target.project, env=environment, check=False).returncode


def require_packaged(target: Target, environment: str) -> None:
    """Raise DeploymentError unless the stage was packaged here: osls reads from that what the stack is."""
    if not (target.project / STAGED / target.stage / "packaged.json").is_file():
        raise DeploymentError(
            f"The stage '{target.stage}' isn't packaged here, so osls doesn't know its stack: call "
            f"`kedro aws-batch package --env={environment}` first."
        )


def require_stage(stage: str | None, prefix: str, of_prefix: str, environment: str) -> None:
    """Raise DeploymentError if the stage asked for isn't that of the configuration's service."""
    if stage is not None and stage != of_prefix:
        raise DeploymentError(
            f"aws_batch.service of environment '{environment}' is '{prefix}', so it is deployed as the stage "
            f"'{of_prefix}', not '{stage}'. Give --env an environment whose aws_batch.service ends in '-{stage}'."
        )


def require_file(project: Path) -> None:
    """Raise DeploymentError if the project has no serverless.yml that reads the package."""
    if str(STAGED.as_posix()) not in _text(project):
        raise DeploymentError(
            f"'{project / TEMPLATE}' takes nothing from {STAGED.as_posix()}: `kedro aws-batch init --force` writes one "
            "that does, or copy its last lines."
        )


def _text(project: Path) -> str:
    try:
        return (project / TEMPLATE).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DeploymentError(
            f"There is no {TEMPLATE} in '{project}': `kedro aws-batch init` writes it, and what else deploying needs."
        ) from error


def _read(project: Path) -> Mapping[str, Any]:
    if not (project / TEMPLATE).is_file():
        return {}
    try:
        loaded = yaml.safe_load(_text(project))
    except yaml.YAMLError as error:
        raise DeploymentError(f"'{project / TEMPLATE}' is not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise DeploymentError(f"'{project / TEMPLATE}' must contain a mapping.")
    return loaded


def read_given(given: Sequence[str]) -> dict[str, str]:
    """Return the `name=value` pairs. Raises DeploymentError."""
    pairs = [each.partition("=") for each in given]
    wrong = [name for name, equals, value in pairs if not (name and equals and value)]
    if wrong:
        raise DeploymentError(f"--param takes name=value, not {listed(wrong)}.")
    return {name: value for name, _, value in pairs}
