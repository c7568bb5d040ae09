"""Opens a Kedro project as `kedro run --env=…` would, without running anything."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kedro.config import MissingConfigException
from kedro.framework.project import pipelines, settings
from kedro.framework.startup import bootstrap_project

from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.errors import ProjectError
from kedro_aws_batch.world import settled

from .folder import find_project
from .opening import Opening
from .runtime_params import RuntimeParameters, stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kedro.framework.context import KedroContext
    from kedro.pipeline import Pipeline


@dataclass(frozen=True)
class Project:
    """A Kedro project in one environment, with everything that the compiler needs."""

    path: Path
    package: str
    environment: str
    pipelines: Mapping[str, Pipeline]
    #: The environment's catalog, without instances of its datasets.
    catalog: Any
    parameters: Mapping[str, Any]
    opening: Opening = field(default_factory=Opening)
    #: The runtime parameters that its configuration asks for, and whether without a default.
    asked: Mapping[str, bool] = field(default_factory=dict)
    #: Their defaults, if they have any.
    defaults: Mapping[str, Any] = field(default_factory=dict)


def open_project(opening: Opening) -> Project:
    """Return the project in an environment. Raises Kedro's errors as one sentence.

    A placeholder text replaces a runtime parameter that the configuration needs and nobody has given.
    """
    path = find_project(opening.path)
    package = bootstrap(path)
    require_environment(path, opening)
    with _kedro_env(opening.environment), warnings.catch_warnings(), stand_ins() as asked, settled(opening.run_id):
        ignore_known_warnings()
        try:
            project = _read(path, package, opening)
        except ProjectError:
            raise
        except Exception as error:
            missing = asked.missing(opening.params)
            raise ProjectError(f"{_sentence(error, opening.environment)}{_needs(missing)}") from error
    return replace(project, asked=dict(asked.required), defaults=dict(asked.defaults))


def require_params(project: Project) -> None:
    """Raise a ProjectError for runtime parameters that the project's configuration needs and nobody has given."""
    missing = RuntimeParameters(dict(project.asked)).missing(project.opening.params)
    if missing:
        raise ProjectError(f"The project can't run like this.{_needs(missing)}")


def read_parameters(opening: Opening) -> dict[str, Any]:
    """Return the parameters of an environment, without importing the project's pipelines."""
    path = find_project(opening.path)
    bootstrap(path)
    require_environment(path, opening)
    return read_part(path, opening, "parameters")


def read_part(path: Path, opening: Opening, key: str) -> dict[str, Any]:
    """Return a part of a bootstrapped project's configuration, such as `catalog`; empty if it has none.

    A placeholder text replaces a runtime parameter that it needs and nobody has given.
    """
    with warnings.catch_warnings(), stand_ins(), settled(opening.run_id):
        ignore_known_warnings()
        try:
            loader = settings.CONFIG_LOADER_CLASS(
                conf_source=opening.conf_source or str(path / settings.CONF_SOURCE),
                env=opening.environment,
                runtime_params=dict(opening.params),
                **settings.CONFIG_LOADER_ARGS,
            )
            return _part(loader, key)
        except Exception as error:
            raise ProjectError(_sentence(error, opening.environment)) from error


def environments(path: Path, conf_source: str | None = None) -> list[str] | None:
    """Return the configuration environments of a project, or None if they don't lie in a local folder."""
    source = path / (conf_source or settings.CONF_SOURCE)
    if not source.is_dir():
        return None
    return sorted(child.name for child in source.iterdir() if child.is_dir() and not child.name.startswith((".", "_")))


def require_environment(path: Path, opening: Opening) -> None:
    """Raise a ProjectError that lists the existing environments if this one is not among them."""
    known = environments(path, opening.conf_source)
    if known is not None and opening.environment not in known:
        raise ProjectError(
            f"There is no environment '{opening.environment}' in '{path / (opening.conf_source or 'conf')}'."
            f"{did_you_mean(opening.environment, known)} There are: {listed(known, limit=20)}."
        )


def ignore_known_warnings() -> None:
    """Suppress warnings about Kedro's own use of OmegaConf, which users can't change."""
    warnings.filterwarnings("ignore", message="register_new_resolver", category=UserWarning)


def bootstrap(path: Path) -> str:
    """Make the project's package importable and return its name."""
    try:
        return bootstrap_project(path).package_name
    except Exception as error:
        raise ProjectError(f"The project in '{path}' can't be opened: {error}") from error


def _read(path: Path, package: str, opening: Opening) -> Project:
    from kedro.framework.session import KedroSession  # noqa: PLC0415

    with KedroSession.create(
        project_path=path,
        env=opening.environment,
        runtime_params=dict(opening.params),
        conf_source=opening.conf_source,
        save_on_close=False,
    ) as session:
        context: KedroContext = session.load_context()  # type: ignore[attr-defined]
        found = _pipelines()
        return Project(
            path=path,
            package=package,
            environment=opening.environment,
            pipelines=found,
            catalog=_catalog(context),
            parameters=_part(context.config_loader, "parameters"),
            opening=opening,
        )


def _pipelines() -> dict[str, Pipeline]:
    """Return the registered pipelines. Raises if one can't be imported; Kedro only warns and drops it."""
    if hasattr(pipelines, "set_requested"):  # since Kedro 1.5 a run imports no more than it was asked for
        pipelines.set_requested(None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = dict(pipelines)
    for warning in caught:
        text = str(warning.message)
        if "An error occurred while importing" in text:
            first, _, rest = text.partition("\n\n")
            cause = rest.strip().splitlines()[-1:] or [""]
            raise ProjectError(f"{first.split(' Nothing')[0]} {cause[0]}".strip())
    return found


def _catalog(context: KedroContext) -> Any:
    """Return the catalog, of the class that a run uses: `context.catalog` always takes Kedro's own."""
    return context._get_catalog(catalog_class=settings.DATA_CATALOG_CLASS)  # noqa: SLF001


def _part(loader: Any, key: str) -> dict[str, Any]:
    """Return a config loader's value for a key; empty if no file has it."""
    try:
        return dict(loader[key])
    except MissingConfigException:
        return {}


def catalog_of_plain_run(project: Project) -> dict[str, Any]:
    """Return the catalog's configuration in the environment of a plain `kedro run` with the same parameters.

    Packed configuration has no `local`, so that environment may be missing. Then it is the base's.
    """
    plain = replace(project.opening, environment=usual_environment())
    return read_part(project.path, plain, "catalog") or read_part(
        project.path, replace(plain, environment=base_environment()), "catalog"
    )


def base_environment() -> str:
    """Return the name of the base environment."""
    return str(settings.CONFIG_LOADER_ARGS.get("base_env") or "base")


def usual_environment() -> str:
    """Return the name of the environment of a plain `kedro run`."""
    return str(settings.CONFIG_LOADER_ARGS.get("default_run_env") or "local")


def base_parameters(project: Project) -> dict[str, Any]:
    """Return the parameters of only the base environment; none if they can't be read."""
    base = Opening(environment=base_environment(), conf_source=project.opening.conf_source)
    try:
        return read_part(project.path, base, "parameters")
    except ProjectError:  # reading the environment has already reported it
        return {}


def _needs(missing: list[str]) -> str:
    if not missing:
        return ""
    example = ",".join(f"{name}=…" for name in missing)
    parameters = f"runtime parameter{'s' * (len(missing) > 1)} {listed(missing)}"
    return f" Its configuration needs the {parameters} and has no default: give it with --params={example}."


def _sentence(error: Exception, environment: str) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    said = f"Kedro can't load the project in environment '{environment}': {type(error).__name__}: {text.strip()}"
    return f"{said}{_because(error, said)}"


def _because(error: BaseException, said: str) -> str:
    """Return an error's root cause, `No module named 'pyspark'`, unless the message has it already."""
    while error.__cause__ is not None:
        error = error.__cause__
    return "" if str(error) in said else f" {type(error).__name__}: {error}"


@contextmanager
def _kedro_env(environment: str) -> Iterator[None]:
    """Set KEDRO_ENV, from which some projects build their pipelines."""
    before = os.environ.get("KEDRO_ENV")
    os.environ["KEDRO_ENV"] = environment
    try:
        yield
    finally:
        if before is None:
            del os.environ["KEDRO_ENV"]
        else:
            os.environ["KEDRO_ENV"] = before
