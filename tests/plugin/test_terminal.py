"""A run watched in a terminal, as a person sees it: at every moment, through to its end."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .deployed import PREFIX, deployed
from .terminal import opened

if TYPE_CHECKING:
    from .terminal import Terminal

SIZES = [(80, 24), (200, 50)]
KEDRO = str(Path(sys.executable).parent / "kedro")


class Eye:
    """Checks at every moment that the head of the table, once it is there, is still there, and only once."""

    def __init__(self, terminal: Terminal) -> None:
        self.frames = 0
        self.bad: list[list[str]] = []
        self._begun = False
        self._widest = terminal.columns
        terminal.watch = self

    def __call__(self, lines: list[str]) -> None:
        self.frames += 1
        heads = [line.split()[0] for line in lines if line.startswith(("Run 2026", "job "))]
        self._begun = self._begun or heads == ["Run", "job"]
        if self._begun and (heads != ["Run", "job"] or max(map(len, lines)) >= self._widest):
            self.bad.append(lines)


@pytest.mark.parametrize("size", SIZES)
def test_a_run_of_800_jobs_is_watched_without_flicker_wrap_or_lost_lines(size: tuple[int, int], tmp_path: Path) -> None:
    script = [sys.executable, str(Path(__file__).parent / "scripted_run.py")]
    terminal = opened(size, script, tmp_path, {"PYTHONPATH": str(Path(__file__).parents[2] / "src")})
    first = terminal.until(lambda lines: any("40/800 jobs" in line for line in lines))
    eye = Eye(terminal)
    assert len(first) <= terminal.rows - 1
    figures = "running for 2 min 00 s · about 8 min left · cost $0.056 so far"
    middle = terminal.until(lambda lines: figures in lines)
    named = re.compile(
        r"RUNNING +[\d.]+ s of ~30 s  space_\d\.a_node_of_a_rather_long_name_\d+|RUNNING +\d+ more jobs \(.*\)"
    )
    assert all(named.fullmatch(line) for line in middle if line.startswith("RUNNING"))
    assert (eye.bad, eye.frames > 200) == ([], True)
    noted = terminal.until(lambda lines: any("240/800 jobs" in line for line in lines))
    assert len(noted) <= terminal.rows - 1 or noted[0].startswith("No answer")
    eye = Eye(terminal)
    terminal.until(lambda lines: any("800/800 jobs" in line for line in lines))
    assert (eye.bad, eye.frames > 200) == ([], True)
    code, last = terminal.end()
    assert (code, "after it" in last[-1]) == (0, True)
    everything = terminal.scrolled_out + last
    assert sum(line.startswith("No answer, trying again") for line in everything) == 1
    assert any(line.startswith("Run 2026-11-22T13.11.00.000Z SUCCEEDED") for line in last)
    assert sum("800/800 jobs" in line for line in last) == 1
    written = "".join(terminal.written)
    assert (written.count("\x1b[2J"), written.count("\x1b[2K"), written.count("\x1b[?25h")) == (0, 0, 1)


def test_a_real_run_is_watched_in_two_terminals_to_its_end(tmp_path: Path) -> None:
    with deployed(tmp_path) as there:
        run_id = there.service.start_run({"params": {"way": "sleep"}, "description": "\x1b[2Jnightly"}).run_id
        command = [KEDRO, "aws-batch", "status", run_id, "--watch", f"--service={PREFIX}"]
        terminals = [opened(size, command, there.project, there.environment()) for size in SIZES]
        listing = [KEDRO, "aws-batch", "list", "--watch", f"--service={PREFIX}"]
        listed = opened((80, 24), listing, there.project, there.environment())
        columns = listed.until(lambda lines: any(line.startswith(run_id) and " 1/3" in line for line in lines))
        assert columns[-2].split()[:6] == ["run", "status", "took", "left", "cost", "nodes"]
        for terminal in terminals:
            terminal.until(lambda lines: any(line.startswith("RUNNING") and "second" in line for line in lines))
            lines = terminal.until(lambda lines: any("1/3 jobs" in line for line in lines))
            assert any("time left: not known yet" in line for line in lines)
            assert any(line.endswith("aws_batch · nightly") for line in lines)
            assert sum(line.startswith(f"Run {run_id} RUNNING") for line in lines) == 1
        small = terminals[0]
        small.process.setwinsize(20, 60)
        small.screen.resize(20, 60)
        (there.project / "shared/wake").touch()
        for terminal in terminals:
            code, lines = terminal.end()
            assert code == 0, lines
            assert [line.split()[0] for line in lines[-3:]] == ["SUCCEEDED"] * 3
            assert any(line.startswith(f"Run {run_id} SUCCEEDED") for line in lines)
            assert sum("3/3 jobs" in line for line in lines) == 1
        last = listed.until(lambda lines: any(line.startswith(f"{run_id}  SUCCEEDED") for line in lines))
        assert sum(run_id in line for line in last) == 1
        listed.process.sendintr()
        assert listed.end()[0] == 0
        assert "".join(listed.written).rstrip().count("\x1b[?25h") == 1


def test_ctrl_c_leaves_the_run_and_the_terminal_as_it_was(tmp_path: Path) -> None:
    script = [sys.executable, str(Path(__file__).parent / "scripted_run.py")]
    terminal = opened((80, 24), script, tmp_path, {"PYTHONPATH": str(Path(__file__).parents[2] / "src")})
    terminal.until(lambda lines: any("40/800 jobs" in line for line in lines))
    assert terminal.process.getecho() is False
    terminal.process.sendintr()
    terminal.end()
    assert "".join(terminal.written).rstrip().count("\x1b[?25h") == 1
