"""The runtime parameters that every run has by itself: `${runtime_params:aws_batch.run_id}`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kedro.config import OmegaConfigLoader

from kedro_aws_batch.moment import Moment

#: The parameters by name. A configuration that plain `kedro run` also reads gives them a default.
OFFERED: Mapping[str, Callable[[Moment], str]] = {
    "aws_batch.run_id": lambda moment: moment.run_id,
    "aws_batch.run_date": lambda moment: moment.date,
}


@contextmanager
def offering(moment: Moment) -> Iterator[None]:
    """Offer a run's parameters to configurations read in this context.

    They aren't among the run's own parameters: a node that takes all of those gets only what its project wrote.
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
