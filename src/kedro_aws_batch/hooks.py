"""What Kedro tells its hooks but not its runners: the arguments of a run, and the source of its configuration.

Registered by the entry point `kedro.hooks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro.framework.context import KedroContext


@dataclass(frozen=True)
class Told:
    """The arguments of `kedro run`."""

    run_params: Mapping[str, Any]
    conf_source: str | None


class RunHooks:
    """Keeps the arguments of this process's latest session."""

    def __init__(self) -> None:
        self._conf_source: str | None = None
        self.told: Told | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the source of the configuration."""
        self._conf_source = getattr(context.config_loader, "conf_source", None)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Keep the arguments of the run."""
        self.told = Told(dict(run_params), None if self._conf_source is None else str(self._conf_source))


hooks = RunHooks()
