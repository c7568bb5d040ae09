"""The options of `kedro run` that say what to run: filters, parameters, versions and config files."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kedro_aws_batch._service.dag.errors import did_you_mean
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.quiet import stdout_kept_clean

from .options import conf_source_option, environment_option, gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from .options import Decorator

#: Kedro's names of options → ours, where they differ.
NAMES = {"node_names": "nodes", "env": "environment", "pipeline": "pipelines"}
#: Keys of a config file for `kedro run` that mean nothing here.
MEANINGLESS = ("runner", "runner_params", "is_async")


def names_option(*names: str, text: str) -> Decorator:
    """Return an option for names separated by commas; it may be given more than once."""
    return click.option(*names, multiple=True, callback=_names, metavar="NAMES", help=text)


def node_names_option(*names: str, text: str) -> Decorator:
    """Return such an option for nodes or namespaces. Commas within brackets belong to the name."""
    return click.option(*names, multiple=True, callback=_node_names, metavar="NAMES", help=text)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add Kedro's filters to a command."""
    for option in reversed(
        (
            names_option("-p", "--pipelines", "--pipeline", text="Pipelines to run; else __default__."),
            node_names_option("-n", "--nodes", text="Only these nodes."),
            node_names_option("--from-nodes", text="These nodes and all that follow them."),
            node_names_option("--to-nodes", text="These nodes and all that lead to them."),
            names_option("--from-inputs", text="Nodes that follow from these datasets."),
            names_option("--to-outputs", text="Nodes that lead to these datasets."),
            names_option("-t", "--tags", text="Nodes with any of these tags."),
            node_names_option("-ns", "--namespaces", text="Nodes in these namespaces."),
            click.option("--only-missing-outputs", is_flag=True, help="Only nodes whose outputs don't exist yet."),
        )
    ):
        command = option(command)
    return command


def opening_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which project to open and how. The command gets them as `opening`."""
    opened = gathered("opening", Opening)(command)

    @functools.wraps(opened)
    def with_params_of_file(params: Mapping[str, Any], params_file: Path | None, **others: Any) -> Any:
        return opened(params=read_params(params_file, params), **others)

    command = with_params_of_file
    for option in (conf_source_option(), *reversed(_params_options()), environment_option()):
        command = option(command)
    return command


def parameter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a run besides its nodes: parameters, versions, and a file of options."""
    for option in reversed(
        (
            *_params_options(),
            click.option(
                *("-lv", "--load-versions"),
                type=click.UNPROCESSED,
                multiple=True,
                callback=_load_versions,
                metavar="PAIRS",
                help="Versions to load, as dataset:version, separated by commas.",
            ),
            click.option(
                *("-c", "--config"),
                type=click.Path(exists=True, dir_okay=False),
                is_eager=True,
                expose_value=False,
                callback=_config,
                help="A YAML file with options under `run`, as `kedro run --config` takes it.",
            ),
        )
    ):
        command = option(command)
    return command


def params_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for a run's parameters."""
    for option in reversed(_params_options()):
        command = option(command)
    return command


def _params_options() -> list[Decorator]:
    return [
        click.option(
            "--params",
            type=click.UNPROCESSED,
            multiple=True,
            callback=_params,
            metavar="KEYS",
            help="Parameters: a=1,b.c=2.",
        ),
        click.option(
            "--params-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A YAML or JSON file with parameters of any kind; --params override them.",
        ),
    ]


def read_params(path: Path | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a file with those of the command line on top."""
    if path is None:
        return dict(params)
    return merged(_mapping(path), params)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return two mappings as one, key by key at all depths."""
    found = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both else value
    return found


def _kedros() -> ModuleType:
    """Return Kedro's own parser of options. Its import is slow and logs to stdout, so no `--help` waits for it."""
    with stdout_kept_clean():
        from kedro.framework.cli import utils  # noqa: PLC0415

    return utils


def _names(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for value in values for name in _kedros().split_string(ctx, param, value)))


def _node_names(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for value in values for name in _kedros().split_node_names(ctx, param, value)))


def _params(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in values:
        found = merged(found, _kedros()._split_params(ctx, param, value))  # noqa: SLF001  (it has no public name)
    return found


def _load_versions(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        if isinstance(value, dict):
            found.update(value)
            continue
        for pair in _kedros().split_string(ctx, param, value):
            name, colon, version = pair.partition(":")
            if not (name and colon and version) or "/" in version or "\\" in version or version in (".", ".."):
                raise click.BadParameter(f"'{pair}' is not like dataset:2026-11-22T13.11.00.123Z.", ctx, param)
            found[name] = version
    return found


def _config(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Take options from a file unless the command line sets them."""
    if value is None:
        return
    section = _mapping(Path(value)).get("run")
    if not isinstance(section, dict):
        raise click.BadParameter(f"'{value}' has no section 'run'.", ctx, param)
    known = {option.name: option for option in ctx.command.params}
    given: dict[str, Any] = {}
    for key, entry in section.items():
        name = NAMES.get(key, key)
        if key in MEANINGLESS:
            continue
        if name not in known:
            raise click.BadParameter(f"'{value}' has an unknown key '{key}'.{did_you_mean(key, known)}", ctx, param)
        many = getattr(known[name], "multiple", False) and not isinstance(entry, list)
        given[name] = [entry] if many else entry
    ctx.default_map = {**(ctx.default_map or {}), **given}


def _mapping(path: Path) -> dict[str, Any]:
    """Return the content of a YAML or JSON file, with numbers read as Kedro reads them."""
    from omegaconf import OmegaConf  # noqa: PLC0415

    try:
        if path.suffix == ".json":  # JSON may write an emoji as a surrogate pair, which YAML lacks
            found = json.loads(path.read_text(encoding="utf-8"))
        else:
            found = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except Exception as error:
        raise click.UsageError(f"'{path}' can't be read: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError(f"'{path}' must contain keys and values.")
    return {str(key): value for key, value in found.items()}
