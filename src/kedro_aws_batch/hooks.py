"""What Kedro tells its hooks and not its runners: with which arguments a run was asked for, and of which configuration.

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
    """What `kedro run` was asked for."""

    run_params: Mapping[str, Any]
    conf_source: str | None


class RunHooks:
    """Keeps what the latest session of this process was asked to run."""

    def __init__(self) -> None:
        self._conf_source: str | None = None
        self.told: Told | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep where the configuration comes from."""
        self._conf_source = getattr(context.config_loader, "conf_source", None)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Keep the arguments of the run."""
        self.told = Told(dict(run_params), None if self._conf_source is None else str(self._conf_source))


hooks = RunHooks()
