"""What a request may reach beyond its nodes and their parameters, and which variables reach further than they look.

A request names nodes of the deployed graph and gives them parameters. The deployment decides which code and which
configuration a job loads: a request may set only what that opens, name by name. A list of forbidden names would never
be complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .configuration import KEY
from .document import GraphDocument
from .errors import did_you_mean
from .layers import Layers
from .problems import Problem, listed

#: Variables by which a process's loader, Python, AWS's clients, Kedro or the libraries below find code, configuration
#: or whom to trust. This list is only for warnings, and need not be complete.
_STEERING = re.compile(
    r"LD_\w+|DYLD_\w+|GLIBC_TUNABLES|GCONV_PATH|PATH|HOME|SHELL|BASH_ENV|ENV|BROWSER|EDITOR|XDG_\w+_(HOME|DIRS)"
    r"|PYTHON\w+|VIRTUAL_ENV|PIP_\w+|UV_\w+"
    r"|AWS_\w+|BOTO_CONFIG|FSSPEC_\w+|GOOGLE_APPLICATION_CREDENTIALS"
    r"|(HTTP|HTTPS|ALL|FTP)_PROXY|SSL_CERT_(FILE|DIR)|SSLKEYLOGFILE|OPENSSL_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|KEDRO_\w+|CLASSPATH|_?JAVA_(TOOL_)?OPTIONS|JDK_JAVA_OPTIONS|JAVA_HOME|SPARK_\w+|PYSPARK_\w+"
    r"|NODE_OPTIONS|NODE_PATH|PERL5\w+|RUBY(LIB|OPT)|R_(PROFILE|ENVIRON|LIBS)\w*|GIT_\w+",
    re.IGNORECASE,
)
#: Those that change how a job works, but not what it loads.
_HARMLESS = re.compile(
    r"PYTHON(HASHSEED|UNBUFFERED|DONTWRITEBYTECODE|UTF8|IOENCODING|FAULTHANDLER|ASYNCIODEBUG|DEVMODE|MALLOC\w*|OPTIMIZE)"
    r"|AWS_(DEFAULT_REGION|REGION|MAX_ATTEMPTS|RETRY_MODE|STS_REGIONAL_ENDPOINTS|METADATA_SERVICE_\w+)"
    r"|KEDRO_DISABLE_TELEMETRY"
)
#: OmegaConf, with which Kedro reads parameters, evaluates what this begins.
_INTERPOLATION = "${"
_VERSION = re.compile(r"[^/\\\0]+")


def steers(variable: str) -> bool:
    """Return whether a variable is known to lead a process to other code, configuration or servers."""
    return bool(_STEERING.fullmatch(variable)) and not _HARMLESS.fullmatch(variable)


def beyond(document: GraphDocument, request: Mapping[str, Any], layers: Layers) -> Iterator[Problem]:
    """Yield a problem for everything with which a request would reach further than the deployed configuration allows.

    `layers` are those of the request's parameters.
    """
    yield from _variables(document, layers)
    yield from _conf_source(document, request.get("conf_source"))
    yield from _interpolations(request.get("params", {}))
    yield from _versions(request.get("load_versions", {}))


def _variables(document: GraphDocument, layers: Layers) -> Iterator[Problem]:
    opened = document.run.get("request_environment") or []
    for where, layer in layers.placed():
        for name in _named(document, layer):
            if name not in opened:
                yield Problem(
                    f"params.{KEY}.{where}.environment",
                    f"'{name}' is not a variable that a run may set{_those(opened)}.{did_you_mean(name, opened)}",
                    f"If whoever starts runs may choose it, add it to {_setting(document, 'request_environment')}",
                )


def _named(document: GraphDocument, layer: Mapping[str, Any]) -> list[str]:
    """Return the variables that a layer sets or unsets; with null for all of them, the deployed ones."""
    if "environment" not in layer:
        return []
    if layer["environment"] is not None:
        return list(layer["environment"])
    return sorted({name for node in document.nodes for name in node.resources.get("environment") or ()})


def _conf_source(document: GraphDocument, given: str | None) -> Iterator[Problem]:
    known = document.run.get("conf_sources") or []
    if given is not None and given not in known:
        yield Problem(
            "conf_source",
            f"'{given}' is not a configuration that runs may use{_those(known)}.{did_you_mean(given, known)}",
            f"If whoever starts runs may choose it, add it to {_setting(document, 'conf_sources')}",
        )


def _those(names: Sequence[str]) -> str:
    return f" (those are {listed(names)})" if names else ""


def _setting(document: GraphDocument, key: str) -> str:
    return f"{KEY}.{key} in conf/{document.environment}/parameters.yml and deploy again."


def _interpolations(value: Any, where: str = "params") -> Iterator[Problem]:
    if isinstance(value, str) and _INTERPOLATION in value:
        what = f"has '{_INTERPOLATION}', which would make Kedro call the project's resolvers in the job."
        yield Problem(where, what, "Give the value itself.")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _interpolations(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _interpolations(inner, f"{where}[{place}]")


def _versions(given: Mapping[str, Any]) -> Iterator[Problem]:
    for dataset, version in given.items():
        if not isinstance(version, str) or not _VERSION.fullmatch(version) or version in (".", ".."):
            what = f"{version!r} is not a version: that is the name of one folder."
            yield Problem(f"load_versions.{dataset}", what, "Name one like 2026-11-22T13.11.00.123Z.")
