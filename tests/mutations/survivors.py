"""The mutants that no test notices, each with the reason why that does no harm: `survivors.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from tests.mutations.guards import Mutant

REASONS = Path(__file__).with_name("survivors.yml")


@cache
def reasons() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return the reasons, by file, function and what is broken there: a line that moves changes none of them."""
    found: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(REASONS.read_text(encoding="utf-8"))
    return found


def reason(mutant: Mutant) -> str | None:
    """Return why a mutant may survive; None if nobody has said."""
    return reasons().get(mutant.path, {}).get(mutant.function, {}).get(mutant.what)
