"""The values of osls' `${…}` in serverless.yml and its included files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kedro_aws_batch.local.errors import TemplateError
from kedro_aws_batch.service_root import PACKAGED

#: An innermost variable, with no other in it. The braces of Fn::Sub never begin with these words.
_INNERMOST = re.compile(r"\$\{((?:param|opt|env|file)[:(][^${}]*)\}")
_FILE = re.compile(r"file\(([^)]+)\)(?::([\w.]+))?")
_PARAM = re.compile(r"param:([\w-]+)")
_LITERAL = re.compile(r"'[^']*'|true|false|null|-?\d+")
_NOTHING = object()


@dataclass(frozen=True)
class Variables:
    """Fills in `${param:…}`, `${file(…):…}`, `${opt:…}` and `${env:…}`, with their defaults if they have no value."""

    params: Mapping[str, Any] = field(default_factory=dict)
    packaged: Mapping[str, Any] = field(default_factory=dict)
    #: The folder below which files are read.
    root: Path = Path()
    _read: dict[str, Any] = field(default_factory=dict)

    def fill(self, text: str) -> Any:
        """Return a text with its variables filled in, or the value of its only variable."""
        while match := _INNERMOST.search(text):
            value = self._value(match)
            if match.span() == (0, len(text)):
                return self.fill(value) if isinstance(value, str) else value
            text = f"{text[: match.start()]}{value}{text[match.end() :]}"
        return text

    def _value(self, variable: re.Match[str]) -> Any:
        for source in re.split(r", *", variable[1]):
            if (value := self._source(source, variable[0])) is not _NOTHING:
                return value
        if _FILE.fullmatch(variable[1]):
            raise TemplateError(f"{variable[0]}: the file holds no such thing.")
        raise TemplateError(f"{variable[0]}: there is no value for this parameter.")

    def _source(self, source: str, variable: str) -> Any:
        if match := _PARAM.fullmatch(source):
            return self.params.get(match[1], _NOTHING)
        if match := _FILE.fullmatch(source):
            return self._within(match[1], (match[2] or "").split("."))
        if source.startswith("opt:"):
            return _NOTHING  # osls' options don't exist here
        if source.startswith("env:"):
            return os.environ.get(source[4:], _NOTHING)
        if _LITERAL.fullmatch(source):
            return yaml.safe_load(source)
        raise TemplateError(f"{variable}: '{source}' is no variable that the embedded AWS knows.")

    def _within(self, path: str, address: list[str]) -> Any:
        if path != PACKAGED and path not in self._read:
            self._read[path] = read_yaml(self.root / path)
        content: Any = self.packaged if path == PACKAGED else self._read[path]
        for key in filter(None, address):
            if not isinstance(content, Mapping) or key not in content:
                return _NOTHING
            content = content[key]
        return content


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a file. Raises TemplateError."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise TemplateError(f"{path} can't be read: {error}") from error
    if not isinstance(loaded, dict):
        raise TemplateError(f"{path} holds no mapping.")
    return loaded
