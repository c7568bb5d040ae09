"""The lower part of a terminal, drawn again and again: only what changed is written, so that nothing flickers."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType

_HIDE, _SHOW, _CLEAR = "\x1b[?25l", "\x1b[?25h", "\x1b[2J\x1b[H"


class Screen:
    """Lines at the end of what a terminal shows. The cursor rests below them; what is typed is not shown."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: list[str] = []
        self._size = console.size

    @contextlib.contextmanager
    def open(self) -> Iterator[Screen]:
        """Draw for as long as this lasts; what was drawn last stays."""
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
        """Show what is returned for so many lines, in the place of what was shown before."""
        if self._console.size != self._size:  # lines may have been wrapped or cut: nobody knows where they are now
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
        """Return the lines as a terminal takes them, none as wide as it: a cursor at its edge may be on either line."""
        width = max(1, self._console.width - 1)
        with self._console.capture() as captured:
            self._console.print(what, width=width, crop=True, no_wrap=False)
        return captured.get().splitlines()

    def _write(self, text: str) -> None:
        if text:
            self._console.file.write(text)
            self._console.file.flush()


def _difference(before: list[str], after: list[str]) -> str:
    """Return what turns lines into others, the cursor below the one and then below the other."""
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
    """Keep a terminal from showing what is typed, which would move what is drawn."""
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
