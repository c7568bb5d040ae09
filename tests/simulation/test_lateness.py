"""How late steps come when one thing goes wrong: within the bounds that docs/reliability.md states."""

from __future__ import annotations

import pytest

from tests.simulation.alone import FAULTS, build_alone
from tests.simulation.graphs import chain, fan
from tests.simulation.lateness import stated
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.scenarios import play


def test_every_fault_has_a_stated_bound() -> None:
    assert stated().keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_makes_no_step_later_than_its_bound(fault: str) -> None:
    for seed in range(25):
        try:
            play(seed, lambda seed: build_alone(fault, seed))
        except BrokenPromiseError as late:
            pytest.fail(f'{late}\nreplay it: python -m tests.simulation.alone "{fault}" {seed}')


def test_what_one_invocation_has_no_time_for_the_next_one_submits_at_once() -> None:
    world = build_alone("nothing", 1, fan(300))
    world.timeout = 17_000  # two seconds of it to submit a hundred jobs, and the reserve
    world.go()
    assert world.calls["SendMessage"] >= 2


def test_a_step_that_comes_late_is_noticed() -> None:
    world = build_alone("nothing", 1, chain(2))
    world.lost_events = frozenset({1})
    with pytest.raises(BrokenPromiseError, match="ms late"):
        world.go()
