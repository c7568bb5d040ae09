"""The lower part of a terminal, redrawn again and again: only changes are written, so that nothing flickers."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType

_HIDE, _SHOW, _CLEAR = "\x1b[?25l", "\x1b[?25h", "\x1b[2J\x1b[H"


class Screen:
    """Lines at the end of a terminal. The cursor rests below them, and the user's input is not shown."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: list[str] = []
        self._size = console.size

    @contextlib.contextmanager
    def open(self) -> Iterator[Screen]:
        """Draw during this context; the last drawing stays."""
        with _no_echo():
            self._write(_HIDE)
            try:
                yield self
            finally:
                self._write(f"\r\x1b[K{_SHOW}")

    @property
    def height(self) -> int:
        """Return how many lines can be drawn; the cursor has the one below."""
        return max(1, self._console.height - 1)

    def draw(self, render: Callable[[int], RenderableType]) -> None:
        """Replace the drawing by what `render` returns for so many lines."""
        if self._console.size != self._size:  # the terminal may have wrapped or cut lines: their places are unknown now
            self._size, self._lines = self._console.size, []
            self._write(_CLEAR)
        lines = self._rendered(render(self.height))[: self.height]
        self._write(_difference(self._lines, lines))
        self._lines = lines

    def above(self, text: RenderableType) -> None:
        """Print a line that stays, above what is drawn."""
        with self._console.capture() as captured:
            self._console.print(text, soft_wrap=True)
        self._write(f"{_up(len(self._lines))}\r\x1b[J{captured.get()}{_difference([], self._lines)}")

    def _rendered(self, what: RenderableType) -> list[str]:
        """Return lines for a terminal, all narrower than it: a cursor at its edge may be on either of two lines."""
        width = max(1, self._console.width - 1)
        with self._console.capture() as captured:
            self._console.print(what, width=width, crop=True, no_wrap=False)
        return captured.get().splitlines()

    def _write(self, text: str) -> None:
        if text:
            self._console.file.write(text)
            self._console.file.flush()


def _difference(before: list[str], after: list[str]) -> str:
    """Return the codes that turn some lines into others, with the cursor below them before and after."""
    text = []
    for index, line in enumerate(after[: len(before)]):
        if line != before[index]:
            away = len(before) - index
            text.append(f"{_up(away)}\r{line}\x1b[K\x1b[{away}B\r")
    if len(after) < len(before):
        text.append(f"{_up(len(before) - len(after))}\r\x1b[J")
    text += [f"{line}\x1b[K\r\n" for line in after[len(before) :]]
    return "".join(text)


def _up(lines: int) -> str:
    return f"\x1b[{lines}A" if lines else ""


@contextlib.contextmanager
def _no_echo() -> Iterator[None]:
    """Keep a terminal from echoing input, which would move the drawing."""
    try:
        import termios  # noqa: PLC0415
    except ImportError:  # Windows
        yield
        return
    try:
        before = termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError, AttributeError):  # not a terminal
        yield
        return
    silent: list[Any] = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
