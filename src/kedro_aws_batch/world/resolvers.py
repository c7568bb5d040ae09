"""Changes what surrounds each call of the configuration's resolvers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from omegaconf import OmegaConf

#: Calls a resolver, its first argument, with the others.
Calling = Callable[..., Any]


@contextmanager
def resolvers_called(calling: Calling) -> Iterator[None]:
    """Have resolvers called in this way."""
    before = OmegaConf._get_resolver  # noqa: SLF001  (there is no public door)

    def _get_resolver(name: str) -> Any:
        found = before(name)
        return None if found is None else functools.partial(calling, found)

    setattr(OmegaConf, "_get_resolver", staticmethod(_get_resolver))  # noqa: B010  (mypy knows it as a method)
    try:
        yield
    finally:
        setattr(OmegaConf, "_get_resolver", staticmethod(before))  # noqa: B010
