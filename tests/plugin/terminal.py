"""A terminal of a given size in which a command runs, and the contents of its screen."""

from __future__ import annotations

import re
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pexpect  # type: ignore[import-untyped]
import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: A unit of output: a sequence, or text up to the next one.
_PIECE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\r\n]|[^\x1b\r\n]+|\x1b")


@dataclass
class Terminal:
    """A command's screen, read after every piece of output, as an eye would see it at any moment."""

    columns: int
    rows: int
    process: pexpect.spawn[str]
    screen: pyte.HistoryScreen
    stream: pyte.Stream
    #: Called with the lines that are shown, after every piece.
    watch: Callable[[list[str]], None] = lambda _: None
    written: list[str] = field(default_factory=list)
    _pending: deque[str] = field(default_factory=deque)
    _shown: dict[int, str] = field(default_factory=lambda: defaultdict(str))

    @property
    def scrolled_out(self) -> list[str]:
        """Return the lines that left the screen at its top."""
        return ["".join(line[column].data for column in sorted(line)).rstrip() for line in self.screen.history.top]

    @property
    def lines(self) -> list[str]:
        """Return the screen, without empty lines at its end."""
        for row in self.screen.dirty:
            line = self.screen.buffer[row]
            self._shown[row] = "".join(line[column].data for column in range(self.screen.columns)).rstrip()
        self.screen.dirty.clear()
        rows = [self._shown[row] for row in range(self.screen.lines)]
        return "\n".join(rows).rstrip().split("\n")

    def until(self, condition: Callable[[list[str]], Any], seconds: float = 60) -> list[str]:
        """Return the screen once it is as wanted."""
        deadline = time.monotonic() + seconds
        while not condition(self.lines):
            assert time.monotonic() < deadline, "\n".join(self.lines)
            assert self._step(), "it ended:\n" + "\n".join(self.lines)
        return self.lines

    def end(self) -> tuple[int | None, list[str]]:
        """Return the command's exit code, and the screen after its end."""
        while self._step():
            pass
        self.process.close()
        return self.process.exitstatus, self.lines

    def _step(self) -> bool:
        """Take in the next piece; return whether there may be more."""
        if not self._pending:
            try:
                text = self.process.read_nonblocking(1 << 16, timeout=1)
            except pexpect.TIMEOUT:
                return True
            except pexpect.EOF:
                return False
            self.written.append(text)
            self._pending.extend(_PIECE.findall(text))
        self.stream.feed(self._pending.popleft())
        if self.screen.dirty:
            self.watch(self.lines)
        return True


def opened(size: tuple[int, int], command: list[str], folder: Path, environment: Mapping[str, str]) -> Terminal:
    """Start a command in a terminal of so many columns and rows."""
    columns, rows = size
    without = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    surroundings: Any = {**without, "TERM": "xterm-256color"}
    process = pexpect.spawn(
        command[0],
        command[1:],
        cwd=str(folder),
        env=surroundings,
        dimensions=(rows, columns),
        encoding="utf-8",
        timeout=120,
    )
    screen = pyte.HistoryScreen(columns, rows)
    return Terminal(columns, rows, process, screen, pyte.Stream(screen))
