"""How fast tasks are launched."""

from __future__ import annotations


class LaunchRate:
    """So many at once, and after those so many a second."""

    def __init__(self, burst: int, a_second: int) -> None:
        self._burst = burst
        self._a_second = a_second
        self._left = float(burst)
        self._at = 0.0

    def take(self, now: float) -> float:
        """Return 0 if a task may launch now, or the seconds until one may."""
        self._left = min(self._burst, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1 - 1e-9:  # a rounding error is no reason to wait
            return (1 - self._left) / self._a_second
        self._left -= 1
        return 0
