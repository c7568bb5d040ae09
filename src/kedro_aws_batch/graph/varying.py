"""Whether anything in a project may differ in another process, or at another time."""

from __future__ import annotations

import functools
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from kedro.framework.project import settings

from kedro_aws_batch._service.dag import variables

from .folder import find_project
from .project import bootstrap
from .reached import Reached

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .opening import Opening

#: Names that may have another value in each process, or at each time.
_VARIES = re.compile(r"datetime|time|uuid\d?|random|secrets|urandom|getp?pid|gethostname|platform|uname|tempfile|hash")
#: Names that lead to the environment's variables, of which only those of a container vary.
_ENVIRONMENT = {"environ", "getenv"}
#: Variables that differ in each container.
OF_A_CONTAINER = ("HOSTNAME", variables.BATCH_JOB, variables.BATCH_ATTEMPT, "ECS_CONTAINER_METADATA_URI_V4")


def varies(opening: Opening, *, thorough: bool) -> bool:
    """Return whether anything in a project may differ in another process, or at another time.

    That is so if code that runs while Kedro opens it names a clock, a process or a random number. If this is not
    `thorough`, only the settings and their resolvers count, and what these may call.
    """
    path = find_project(opening.path)
    package = bootstrap(path)
    if settings.CONFIG_LOADER_CLASS is not OmegaConfigLoader:
        return True
    resolvers = (settings.CONFIG_LOADER_ARGS.get("custom_resolvers") or {}).values()
    if not all(_module(resolver).partition(".")[0] == package for resolver in resolvers):
        return True  # somebody else's
    if not (thorough or resolvers):
        return False
    sources = _sources(package)
    try:
        from_settings = _from_settings(sources) if resolvers else None
        reached = Reached(sources.values()) if thorough else from_settings
    except SyntaxError:  # of a file that nothing may import
        return True
    if from_settings and from_settings.packages() - {".", package, "kedro", "omegaconf", *sys.stdlib_module_names}:
        return True  # a resolver may call what we don't read
    return reached is not None and _may_vary(reached.words, "\n".join(sources.values()))


def reads_environment(opening: Opening) -> bool:
    """Return whether resolvers of the project may read variables of the environment, which jobs have others of.

    Of somebody else's resolvers it isn't known: `varies` holds for those.
    """
    package = bootstrap(find_project(opening.path))
    resolvers = settings.CONFIG_LOADER_ARGS.get("custom_resolvers")
    return bool(resolvers) and not _from_settings(_sources(package)).words.isdisjoint(_ENVIRONMENT)


def _sources(package: str) -> dict[Path, str]:
    spec = find_spec(package)
    files = [file for folder in (spec and spec.submodule_search_locations) or () for file in Path(folder).rglob("*.py")]
    return {file: file.read_text(encoding="utf-8", errors="replace") for file in files}


def _from_settings(sources: Mapping[Path, str]) -> Reached:
    """Return what settings.py mentions, and what that may call."""
    return Reached([text for file, text in sources.items() if file.name == "settings.py"], sources.values())


def _module(resolver: Any) -> str:
    """Return the module of a resolver function, or of the class of a resolver object."""
    while isinstance(resolver, functools.partial):
        resolver = resolver.func
    named = resolver if isinstance(resolver, FunctionType) else type(resolver)
    return str(named.__module__)


def _may_vary(words: set[str], sources: str) -> bool:
    """Return whether names lead to anything that varies."""
    if any(map(_VARIES.fullmatch, words)):
        return True
    return not words.isdisjoint(_ENVIRONMENT) and any(name in sources for name in OF_A_CONTAINER)
