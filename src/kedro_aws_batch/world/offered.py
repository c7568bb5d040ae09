"""The runtime parameters that every run has without being given them: `${runtime_params:aws_batch.run_id}`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kedro.config import OmegaConfigLoader

from kedro_aws_batch.moment import Moment

#: What is offered, by name. A configuration that plain `kedro run` reads as well gives it a default.
OFFERED: Mapping[str, Callable[[Moment], str]] = {
    "aws_batch.run_id": lambda moment: moment.run_id,
    "aws_batch.run_date": lambda moment: moment.date,
}


@contextmanager
def offering(moment: Moment) -> Iterator[None]:
    """Let the configurations that are read meanwhile find what is offered to a run.

    They aren't among its parameters: a node that takes all of those finds what its project wrote.
    """
    before = OmegaConfigLoader._get_runtime_value  # noqa: SLF001  (there is no public door)

    def _get_runtime_value(self: Any, variable: str, *default: Any) -> Any:
        offered = OFFERED.get(variable)
        return before(self, variable, *default) if offered is None else offered(moment)

    setattr(OmegaConfigLoader, "_get_runtime_value", _get_runtime_value)  # noqa: B010  (mypy knows it as a method)
    try:
        yield
    finally:
        setattr(OmegaConfigLoader, "_get_runtime_value", before)  # noqa: B010
