"""Time that passes only when somebody sleeps."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class VirtualClock:
    """An invocation's clock and its sleep."""

    timeout: float = 60.0  #: s that the invocation may run
    passed: float = 0.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> int:
        """Return ms, as Lambda's clock does."""
        return 1_795_000_000_000 + int(self.passed * 1000)

    def left(self) -> float:
        """Return the seconds to the end of the invocation."""
        return self.timeout - self.passed

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0
        self.naps.append(seconds)
        self.passed += seconds
