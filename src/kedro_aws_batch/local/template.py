"""The service as serverless.yml declares it, and the part of CloudFormation's language that it uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kedro_aws_batch.local.errors import TemplateError

Json = dict[str, Any]

_FILE = re.compile(r"\$\{file\((.+)\)\}")
_SUB = re.compile(r"\$\{(!?)([A-Za-z0-9_.:]+)\}")


@dataclass(frozen=True)
class FunctionDeclaration:
    """A function, with what the provider's defaults add."""

    key: str
    handler: str
    timeout: int
    memory: int
    environment: Json
    description: str
    events: list[Json]


@dataclass(frozen=True)
class Service:
    """serverless.yml with its includes."""

    root: Path
    functions: list[FunctionDeclaration]
    resources: dict[str, Json]
    parameters: dict[str, Json]


def read_service(root: Path) -> Service:
    """Read `serverless.yml` and what its `resources` include."""
    document = _load(root / "serverless.yml")
    provider = document.get("provider") or {}
    parts = document.get("resources") or []
    templates = [_included(root, part) for part in (parts if isinstance(parts, list) else [parts])]
    sections: dict[str, Json] = {"Resources": {}, "Parameters": {}}
    for template in templates:
        for section, content in template.items():
            if section in sections:
                sections[section] |= content or {}
            elif section not in {"Outputs", "Description", "AWSTemplateFormatVersion"}:
                raise TemplateError(f"The section '{section}' of the resources is not supported by the embedded AWS.")
    declared = (document.get("functions") or {}).items()
    functions = [_function(key, each, provider) for key, each in declared]
    return Service(root, functions, sections["Resources"], sections["Parameters"])


def _load(path: Path) -> Json:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise TemplateError(f"{path} can't be read: {error}") from error
    if not isinstance(loaded, dict):
        raise TemplateError(f"{path} holds no mapping.")
    return loaded


def _included(root: Path, part: object) -> Json:
    if isinstance(part, dict):
        return part
    if isinstance(part, str) and (match := _FILE.fullmatch(part)):
        return _load(root / match[1])
    raise TemplateError(f"'resources' holds {part!r}; write CloudFormation there, or ${{file(path)}}.")


def _function(key: str, declared: Json, provider: Json) -> FunctionDeclaration:
    # What is said nowhere else is the Serverless Framework's default.
    merged = {"timeout": 6, "memorySize": 1024, **provider, **declared}
    return FunctionDeclaration(
        key=key,
        handler=declared["handler"],
        timeout=int(merged["timeout"]),
        memory=int(merged["memorySize"]),
        environment={**(provider.get("environment") or {}), **(declared.get("environment") or {})},
        description=declared.get("description", ""),
        events=declared.get("events") or [],
    )


@dataclass
class Resolver:
    """Evaluates intrinsic functions; resources are made when something first refers to them."""

    #: What `Ref` of a parameter or pseudo parameter gives.
    parameters: Mapping[str, Any]
    #: Makes a resource, and returns what `Ref` gives and the attributes that `Fn::GetAtt` gives.
    make: Callable[[str], tuple[str, Json]]
    _under_way: list[str] = field(default_factory=list)

    def resolve(self, value: Any) -> Any:
        """Return a value with every intrinsic function in it evaluated."""
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if isinstance(value, str):
            if "${" in value:
                raise TemplateError(
                    f"{value!r}: variables of the Serverless Framework are not known here; use Fn::Sub."
                )
            return value
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._call(name, argument)
        return {key: self.resolve(each) for key, each in value.items()}

    def _call(self, name: str, argument: Any) -> Any:
        if name == "Fn::GetAtt":
            resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
            return self._attribute(resource, attribute)
        if name == "Fn::Join":
            separator, parts = argument
            return separator.join(str(each) for each in self.resolve(parts))
        if name == "Fn::Sub":
            return self._substitute(*([argument] if isinstance(argument, str) else argument))
        if name == "Fn::Select":
            index, choices = argument
            return self.resolve(choices)[int(index)]
        if name == "Fn::Split":
            separator, text = argument
            return str(self.resolve(text)).split(separator)
        raise TemplateError(f"The intrinsic function {name} is not supported by the embedded AWS.")

    def _substitute(self, text: str, variables: Json | None = None) -> str:
        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if variables and name in variables:
                return str(self.resolve(variables[name]))
            resource, dot, attribute = name.partition(".")
            return str(self._attribute(resource, attribute) if dot else self._ref(name))

        return _SUB.sub(replace, text)

    def _ref(self, name: str) -> Any:
        return self.parameters[name] if name in self.parameters else self._made(name)[0]

    def _attribute(self, resource: str, attribute: str) -> Any:
        attributes = self._made(resource)[1]
        if attribute not in attributes:
            raise TemplateError(f"{resource} has no attribute {attribute}; it has {', '.join(sorted(attributes))}.")
        return attributes[attribute]

    def _made(self, name: str) -> tuple[str, Json]:
        if name in self._under_way:
            raise TemplateError(f"Resources refer to each other: {' → '.join([*self._under_way, name])}")
        self._under_way.append(name)
        try:
            return self.make(name)
        finally:
            self._under_way.pop()
