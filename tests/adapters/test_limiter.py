"""How requests are spaced."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.job_queue import Limiter
from tests.adapters.clock import VirtualClock


def turns(limiter: Limiter, clock: VirtualClock, count: int) -> list[float]:
    """Return when each of so many requests had its turn."""
    taken = []
    for _ in range(count):
        assert limiter.wait()
        taken.append(clock.passed)
    return taken


def most_in_a_second(times: list[float]) -> int:
    """Return the number in the busiest second; the clock has only whole ms."""
    return max(sum(start <= time < start + 0.999 for time in times) for start in times)


def test_the_first_request_needs_no_wait() -> None:
    clock = VirtualClock()

    assert Limiter(50, clock, clock.sleep).wait()
    assert clock.naps == []


@given(
    rate=st.integers(1, 100),
    pauses=st.lists(st.floats(0, 1.5, allow_subnormal=False), min_size=1, max_size=150),
)
def test_there_is_never_more_than_the_rate_in_any_second(rate: int, pauses: list[float]) -> None:
    clock = VirtualClock(timeout=1e9)
    limiter = Limiter(rate, clock, clock.sleep)
    times = []
    for pause in pauses:
        clock.passed += pause  # the invocation's other work
        assert limiter.wait()
        times.append(clock.passed)

    assert most_in_a_second(times) <= rate


def test_requests_without_a_pause_use_the_whole_rate() -> None:
    clock = VirtualClock(timeout=1e9)

    assert turns(Limiter(50, clock, clock.sleep), clock, 501)[-1] == pytest.approx(10, abs=0.02)


def test_time_that_was_not_used_is_not_saved_up() -> None:
    clock = VirtualClock()
    limiter = Limiter(10, clock, clock.sleep)
    turns(limiter, clock, 1)
    clock.passed += 30

    assert turns(limiter, clock, 3) == pytest.approx([30, 30.1, 30.2], abs=0.002)


def test_throttling_holds_everybody_and_halves_the_rate() -> None:
    clock = VirtualClock()
    limiter = Limiter(50, clock, clock.sleep)
    turns(limiter, clock, 10)
    began = clock.passed
    limiter.back_off(clock.now())

    after = turns(limiter, clock, 26)

    assert after[0] - began >= 0.5 * 2 / 25
    assert after[-1] - after[0] == pytest.approx(1, abs=0.05)


def test_of_requests_that_are_refused_together_one_halves_the_rate() -> None:
    clock = VirtualClock()
    limiter = Limiter(50, clock, clock.sleep)
    turns(limiter, clock, 10)
    sent = clock.now()
    clock.passed += 0.1
    for _ in range(8):
        limiter.back_off(sent)

    after = turns(limiter, clock, 26)

    assert after[-1] - after[0] == pytest.approx(1, abs=0.05)


def test_throttled_again_and_again_it_still_asks_about_once_a_second() -> None:
    clock = VirtualClock(timeout=1e9)
    limiter = Limiter(50, clock, clock.sleep)
    for _ in range(20):
        limiter.wait()
        limiter.back_off(clock.now())
    began = clock.passed

    for _ in range(50):
        limiter.wait()
        limiter.back_off(clock.now())

    assert 50 <= clock.passed - began <= 50 * 5 * 1.5


def test_it_climbs_back_to_the_rate_and_no_further() -> None:
    clock = VirtualClock(timeout=1e9)
    limiter = Limiter(50, clock, clock.sleep)
    for _ in range(3):
        limiter.back_off(clock.now())
    slow = turns(limiter, clock, 2)
    for _ in range(200):
        limiter.wait()
        limiter.succeeded()

    fast = turns(limiter, clock, 51)

    assert slow[1] - slow[0] == pytest.approx(1 / 6.25, abs=0.002)
    assert fast[-1] - fast[0] == pytest.approx(1, abs=0.02)


def test_whoever_would_wait_too_long_is_told_so_at_once() -> None:
    clock = VirtualClock(timeout=8)
    limiter = Limiter(1, clock, clock.sleep)

    taken = list(itertools.takewhile(lambda _: limiter.wait(), itertools.count()))

    assert (len(taken), clock.passed) == (4, 3)


def test_there_is_time_left_to_write_down_what_was_accepted() -> None:
    clock = VirtualClock(timeout=20)
    limiter = Limiter(50, clock, clock.sleep)
    while limiter.wait():
        limiter.back_off(clock.now())

    assert clock.left() >= 5


@dataclass
class SharedClock(VirtualClock):
    """A clock for all threads at once: each sleeps until its own time has come."""

    wakes: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sleep(self, seconds: float) -> None:
        """Record when the sleeper would wake, without waiting."""
        with self.lock:
            self.wakes.append(self.passed + seconds)


def test_threads_share_one_rate() -> None:
    clock = SharedClock(timeout=1e9)
    limiter = Limiter(50, clock, clock.sleep)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: limiter.wait(), range(200)))

    assert sorted(clock.wakes) == pytest.approx([number / 50 for number in range(1, 200)], abs=0.002)
