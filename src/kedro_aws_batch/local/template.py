"""The service in serverless.yml, with the parts of CloudFormation's language and of osls' variables that it uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedro_aws_batch.local.errors import TemplateError
from kedro_aws_batch.local.jsons import Json
from kedro_aws_batch.local.variables import Variables, read_yaml
from kedro_aws_batch.service_root import TEMPLATE

#: What osls adds to resources that it makes itself: functions and their log groups, which are made here in another way.
_EXTENSIONS = "extensions"
_SUB = re.compile(r"\$\{(!?)([A-Za-z0-9_.:]+)\}")


@dataclass(frozen=True)
class FunctionDeclaration:
    """A function, with the provider's defaults."""

    key: str
    handler: str
    timeout: int
    memory: int
    environment: Json
    description: str
    events: list[Json]


@dataclass(frozen=True)
class ServiceTemplate:
    """serverless.yml with its includes."""

    root: Path
    functions: list[FunctionDeclaration]
    resources: dict[str, Json]
    parameters: dict[str, Json]
    conditions: dict[str, Json] = field(default_factory=dict)
    variables: Variables = field(default_factory=Variables)


def read_service(
    root: Path, params: Mapping[str, Any] | None = None, packaged: Mapping[str, Any] | None = None
) -> ServiceTemplate:
    """Read `serverless.yml` and the files that its `resources` include, as for the stage `dev`.

    `params` override those of serverless.yml itself; `packaged` replaces packaged.json.
    """
    document = read_yaml(root / TEMPLATE)
    provider = document.get("provider") or {}
    declared_params = document.get("params") or {}
    by_stage = [declared_params.get(stage) or {} for stage in ("default", "dev")]
    variables = Variables({**by_stage[0], **by_stage[1], **(params or {})}, packaged or {}, root)
    parts = document.get("resources") or []
    templates = [_included(part, variables) for part in (parts if isinstance(parts, list) else [parts])]
    sections: dict[str, Json] = {"Resources": {}, "Parameters": {}, "Conditions": {}}
    for template in templates:
        for section, content in template.items():
            if section in sections:
                sections[section] |= content or {}
            elif section not in {"Outputs", "Description", "AWSTemplateFormatVersion", _EXTENSIONS}:
                raise TemplateError(f"The section '{section}' of the resources is not supported by the embedded AWS.")
    declared = (document.get("functions") or {}).items()
    functions = [_function(key, each, provider, variables) for key, each in declared]
    return ServiceTemplate(
        root=root,
        functions=functions,
        resources=sections["Resources"],
        parameters=sections["Parameters"],
        conditions=sections["Conditions"],
        variables=variables,
    )


def _included(part: object, variables: Variables) -> Json:
    filled = variables.fill(part) if isinstance(part, str) else part
    if isinstance(filled, dict):
        return filled
    raise TemplateError(f"'resources' holds {part!r}; write CloudFormation there, or ${{file(path)}}.")


def _function(key: str, declared: Json, provider: Json, variables: Variables) -> FunctionDeclaration:
    # Defaults of the Serverless Framework.
    merged = {"timeout": 6, "memorySize": 1024, **provider, **declared}
    events = declared.get("events") or []
    return FunctionDeclaration(
        key=key,
        handler=declared["handler"],
        timeout=int(merged["timeout"]),
        memory=int(merged["memorySize"]),
        environment={**(provider.get("environment") or {}), **(declared.get("environment") or {})},
        description=declared.get("description", ""),
        events=variables.fill(events) if isinstance(events, str) else events,
    )


#: The value of `AWS::NoValue`: the property, or the element of a list, is left out.
NO_VALUE = object()


@dataclass(frozen=True)
class Made:
    """A resource that was made."""

    ref: str  #: what `Ref` gives
    attributes: Json  #: what `Fn::GetAtt` gives


@dataclass
class Resolver:
    """Evaluates intrinsic functions; a resource is made when something first refers to it."""

    #: The values of `Ref` for parameters and pseudo parameters.
    parameters: Mapping[str, Any]
    #: Makes a resource.
    make: Callable[[str], Made]
    variables: Variables = field(default_factory=Variables)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    _under_way: list[str] = field(default_factory=list)

    def resolve(self, value: Any) -> Any:
        """Return a value with all its intrinsic functions evaluated."""
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each is not NO_VALUE]
        if isinstance(value, str):
            return self._fill(value)
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._call(name, argument)
        resolved = {key: self.resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not NO_VALUE}

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template holds."""
        if condition not in self.conditions:
            raise TemplateError(f"There is no condition {condition}.")
        return self._holds(self.conditions[condition])

    def _holds(self, declared: Json) -> bool:
        (name, argument), *more = declared.items()
        if more:
            raise TemplateError(f"{declared!r} is not a condition.")
        if name == "Condition":
            return self.holds(argument)
        if name == "Fn::Equals":
            one, other = self.resolve(argument)
            return bool(one == other)
        if name == "Fn::Not":
            return not self._holds(argument[0])
        if name in {"Fn::And", "Fn::Or"}:
            return (all if name == "Fn::And" else any)(self._holds(each) for each in argument)
        raise TemplateError(f"{name} is not supported in conditions by the embedded AWS.")

    def _fill(self, text: str) -> Any:
        if "${" not in text:
            return text
        filled = self.variables.fill(text)
        if not isinstance(filled, str):
            return self.resolve(filled)
        if "${" in filled:
            raise TemplateError(f"{text!r}: of osls' variables only param, file, opt and env are known here.")
        return filled

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
        if name == "Fn::If":
            condition, then, otherwise = argument
            return self.resolve(then if self.holds(condition) else otherwise)
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
        if name == "AWS::NoValue":
            return NO_VALUE
        return self.parameters[name] if name in self.parameters else self._made(name).ref

    def _attribute(self, resource: str, attribute: str) -> Any:
        attributes = self._made(resource).attributes
        if attribute not in attributes:
            raise TemplateError(f"{resource} has no attribute {attribute}; it has {', '.join(sorted(attributes))}.")
        return attributes[attribute]

    def _made(self, name: str) -> Made:
        if name in self._under_way:
            raise TemplateError(f"Resources refer to each other: {' → '.join([*self._under_way, name])}")
        self._under_way.append(name)
        try:
            return self.make(name)
        finally:
            self._under_way.pop()
