"""Which installed packages a module comes from, and their versions."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import PurePath

from kedro_aws_batch._service.dag.signatures import VERSION

_INSTALLED = {"site-packages", "dist-packages"}
PYTHON = f"{VERSION}Python"


def is_standard(top: str) -> bool:
    """Whether a top-level module is Python's own."""
    return top in sys.stdlib_module_names or top in sys.builtin_module_names


@cache
def distributions(top: str) -> tuple[str, ...] | None:
    """Return the distributions that a top-level module is installed from; None for one that is plain source."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        spec = None
    places = [] if spec is None else [spec.origin] if spec.has_location else spec.submodule_search_locations or []
    if not places or not all(_INSTALLED & set(PurePath(place or "").parts) for place in places):
        return None
    return tuple(sorted(set(by_module().get(top, ())))) or None


@cache
def by_module() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


@cache
def versions(distribution: str) -> dict[str, str]:
    """Return the versions of a distribution and of all that it needs, each as `version of NAME`.

    Of Kedro its own alone: how it prints and logs makes no data.
    """
    found: dict[str, str] = {}
    left = [distribution]
    while left:
        name = left.pop()
        key = f"{VERSION}{_normal(name)}"
        if key in found:
            continue
        try:
            one = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[key] = _version(one)
        if _normal(name) != "kedro":
            left += [_required(text) for text in one.requires or () if "extra" not in text.partition(";")[2]]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(text: str) -> str:
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text)
    return match[0] if match else text


def _version(one: metadata.Distribution) -> str:
    """Return a version. What came from a folder or a repository may be another of the same: its files count, too."""
    version = str(one.version)
    if one.read_text("direct_url.json") is None:
        return version
    return f"{version}+{hashlib.sha256((one.read_text('RECORD') or '').encode()).hexdigest()[:8]}"


def python() -> dict[str, str]:
    """Return the version of Python, without its patch level: those differ between a laptop and an image."""
    return {PYTHON: ".".join(platform.python_version_tuple()[:2])}
