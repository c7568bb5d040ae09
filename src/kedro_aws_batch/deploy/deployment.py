"""The project's own serverless.yml, as far as it has to be known before osls reads it; and calling osls."""

from __future__ import annotations

import re
import shutil
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

#: Below it, each stage has a directory; serverless.yml says so, too.
STAGED = Path("build/aws_batch")
#: Of serverless.yml's params, what packaging reads and the templates don't.
_OURS = ("buckets", "tags")


class DeploymentError(KedroAwsBatchError):
    """A project can't be deployed as it is."""


@dataclass(frozen=True)
class Target:
    """Which stage of a project is deployed, and with what."""

    project: Path
    stage: str
    #: By --param: they go before those of serverless.yml.
    given: Mapping[str, str]

    @property
    def directory(self) -> Path:
        """Return where packaging puts what is deployed."""
        return self.project / STAGED / self.stage

    def params(self) -> dict[str, Any]:
        """Return the stage's params over those of all stages, and those given over both. Raises DeploymentError."""
        declared = _read(self.project).get("params") or {}
        parts = [declared.get(part) or {} for part in ("default", self.stage)]
        if not all(isinstance(part, dict) for part in parts):
            raise DeploymentError(f"`params` in {TEMPLATE} holds no mapping for 'default' or '{self.stage}': mend it.")
        return {**parts[0], **parts[1], **self.given}

    def region(self) -> str | None:
        """Return the Region to deploy to, if it is said; else it is that of the AWS credentials."""
        named = self.params().get("region")
        return None if named is None or "${" in str(named) else str(named)

    def buckets(self) -> list[str]:
        """Return the buckets, or parts of them, that serverless.yml names."""
        found = self.params().get("buckets") or []
        names = found.split(",") if isinstance(found, str) else found
        if not isinstance(names, list) or any("${" in str(name) for name in names):
            raise DeploymentError(f"`buckets` in {TEMPLATE} is read before osls: write names, separated by commas.")
        return [str(name).strip() for name in names if str(name).strip()]

    def tags(self) -> dict[str, str]:
        """Return the tags that serverless.yml gives all of the stack. Raises DeploymentError for what is none."""
        found = self.params().get("tags") or ""
        if not isinstance(found, str):
            raise DeploymentError(f"`tags` in {TEMPLATE} is a text: write name=value, with commas between them.")
        return dict(_tag(each) for each in found.split(",") if each.strip())


_TAG = re.compile(r"(?!aws:|kedro-)([\w .:/+@-]{1,128})=([\w .:/+=@-]{0,256})")


def _tag(text: str) -> tuple[str, str]:
    fits = _TAG.fullmatch(text.strip())
    if fits is None:
        raise DeploymentError(
            f"`tags` in {TEMPLATE} has {text.strip()!r}, which is no tag: write name=value, with commas between them. "
            "Names that begin with aws: are AWS's, those with kedro- ours."
        )
    return fits[1], fits[2]


def batch_of(target: Target, launch_type: str) -> str:
    """Return where jobs will run: on fargate, ec2, or own, which is a queue that is there already.

    Raises ProblemsFoundError for params that are missing, that nothing reads, or that can't be what they are.
    """
    params = target.params()
    batch = text_of(params.get("batch") or launch_type)
    own = re.findall(r"\bparam:([\w-]+)", _text(target.project))
    require_none(wrong_params(params, batch, (*_OURS, *own)))
    return batch


def refuse_unchecked(words: Sequence[str]) -> None:
    """Raise DeploymentError for what would reach osls past all checks."""
    for word in words:
        if (option := word.partition("=")[0]) in ("--param", "--region", "--stage"):
            raise DeploymentError(f"Give {option} before --, so that what it says is checked, too.")


def osls(project: Path) -> list[str]:
    """Return the words that call osls in a project. Raises DeploymentError if it or Node isn't there."""
    if shutil.which("node") is None:
        raise DeploymentError("Deploying takes Node 20 or newer, which isn't found: install it (https://nodejs.org).")
    for folder in (project, *project.parents):
        found = folder / "node_modules/.bin/osls"
        if found.exists():
            return [str(found)]
    raise DeploymentError(
        f"osls, which deploys, isn't installed in '{project}': run `npm install` there; `kedro aws-batch init` writes "
        "the package.json that names it."
    )


def require_stage(stage: str | None, prefix: str, of_prefix: str, environment: str) -> None:
    """Raise DeploymentError if another stage is asked for than the configuration's service belongs to."""
    if stage is not None and stage != of_prefix:
        raise DeploymentError(
            f"aws_batch.service of environment '{environment}' is '{prefix}', so it is deployed as the stage "
            f"'{of_prefix}', not '{stage}'. Give --env an environment whose aws_batch.service ends in '-{stage}'."
        )


def require_file(project: Path) -> None:
    """Raise DeploymentError if the project has no serverless.yml that reads what is packaged."""
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
            f"There is no {TEMPLATE} in '{project}': `kedro aws-batch init` writes it, and what else deploying takes."
        ) from error


def _read(project: Path) -> Mapping[str, Any]:
    if not (project / TEMPLATE).is_file():
        return {}
    try:
        loaded = yaml.safe_load(_text(project))
    except yaml.YAMLError as error:
        raise DeploymentError(f"'{project / TEMPLATE}' is not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise DeploymentError(f"'{project / TEMPLATE}' holds no mapping.")
    return loaded


def read_given(given: Sequence[str]) -> dict[str, str]:
    """Return what `name=value` says, several times. Raises DeploymentError."""
    pairs = [each.partition("=") for each in given]
    wrong = [name for name, equals, value in pairs if not (name and equals and value)]
    if wrong:
        raise DeploymentError(f"--param takes name=value, which {listed(wrong)} is not.")
    return {name: value for name, _, value in pairs}
