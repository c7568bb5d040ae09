"""What is written to a terminal to draw over its contents."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from kedro_aws_batch.show.screen import Screen


class Drawn:
    """A terminal of so many columns and lines, and what was written to it since the last look."""

    def __init__(self, width: int, height: int) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, width=width, height=height, force_terminal=True, color_system=None)
        self.screen = Screen(self.console)

    def draw(self, *lines: str) -> str:
        self.file.seek(0)
        self.file.truncate()
        self.screen.draw(lambda _: Text("\n".join(lines)))
        return self.file.getvalue()


def test_only_the_lines_that_changed_are_written() -> None:
    terminal = Drawn(20, 10)
    assert terminal.draw("one", "two", "three").count("\n") == 3
    changed = terminal.draw("one", "TWO", "three")
    assert ("TWO" in changed, "one" in changed, "three" in changed) == (True, False, False)
    assert terminal.draw("one", "TWO", "three") == ""


def test_no_line_is_as_wide_as_the_terminal_nor_are_there_as_many_as_it_has() -> None:
    terminal = Drawn(10, 5)
    assert terminal.screen.height == 4
    written = terminal.draw(*["x" * 9] * 100).replace("\x1b[K", "").split("\r\n")
    assert written == ["x" * 9] * 4 + [""]
    assert max(map(len, Drawn(10, 5).draw("x" * 25).replace("\x1b[K", "").split("\r\n"))) == 9


def test_a_terminal_that_was_resized_is_drawn_anew() -> None:
    terminal = Drawn(20, 10)
    terminal.draw("one", "two")
    terminal.console.width = 15
    again = terminal.draw("one", "two")
    assert (again.startswith("\x1b[2J\x1b[H"), "one" in again, "two" in again) == (True, True, True)
    assert terminal.draw("one", "two") == ""
