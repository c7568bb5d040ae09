"""Namespaces, as Kedro nests them dot by dot."""

from __future__ import annotations


def prefixes(namespace: str | None) -> list[str]:
    """Return the namespaces of a node in this one, the outermost first: `a.b` is in `a` and `a.b`."""
    parts = namespace.split(".") if namespace else []
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def in_namespace(namespace: str | None, outer: str) -> bool:
    """Return whether a namespace is the outer one or lies in it."""
    return namespace is not None and (namespace == outer or namespace.startswith(f"{outer}."))


def top_level(namespace: str) -> str:
    """Return the outermost namespace, by which Kedro groups nodes."""
    return namespace.partition(".")[0]
