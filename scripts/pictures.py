"""Makes the pictures of the docs from runs of the examples, on this machine: `make pictures`.

What a terminal shows of a run becomes an SVG, its report two screenshots, and that of a node that is split two more.
`python -m scripts.pictures <folder>`.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.plugin.terminal import opened
from tests.report.browser import Browser, chromium

if TYPE_CHECKING:
    import pyte

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
#: Of the terminal: columns and rows.
SIZE = (112, 48)
#: Shows the slices of the first node that is split, as a click on its bar does, and no graph above them.
UNFOLD = "chart.emit('plotly_click', {points: [{customdata: -1}]}); jobs.scrollIntoView()"
#: What pyte calls otherwise than rich.
_COLOURS = {"brown": "yellow", "default": "default"}


def main(folder: Path) -> None:
    """Write all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        project = copied("spaceflights", Path(temporary))
        kedro("python", "scripts/make_data.py", project=project)
        (folder / "run.svg").write_text(picture_of_a_run(project), encoding="utf-8")
        pictures_of_the_report(project, folder, "report")
        project = copied("many_texts", Path(temporary))
        kedro("python", "scripts/make_texts.py", "400", project=project)
        kedro("kedro", "aws-batch", "run", "--local", project=project)
        pictures_of_the_report(project, folder, "split", height=900, show=UNFOLD)


def copied(example: str, folder: Path) -> Path:
    """Return a copy of an example, as it is in a fresh clone."""
    ignored = shutil.ignore_patterns("data", ".kedro_aws_batch", "__pycache__")
    return Path(shutil.copytree(EXAMPLES / example, folder / example, ignore=ignored))


def pictures_of_the_report(project: Path, folder: Path, name: str, height: int = 1420, show: str = "") -> None:
    """Write two screenshots of the report of a project's newest run, on which a script was run first."""
    report = project / "report.html"
    kedro("kedro", "aws-batch", "report", "--local", f"--output={report}", project=project)
    for scheme in ("light", "dark"):
        (folder / f"{name}-{scheme}.png").write_bytes(picture_of_a_page(report, scheme, height, show))


def environment() -> dict[str, str]:
    """Return the environment variables of commands."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "KEDRO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


def kedro(*command: str, project: Path) -> None:
    """Run a command in the project."""
    subprocess.run(command, cwd=project, env=environment(), check=True, stdout=subprocess.DEVNULL)


def picture_of_a_run(project: Path) -> str:
    """Return a terminal's picture once the pipeline has run, as SVG."""
    kedro_program = str(Path(sys.executable).with_name("kedro"))
    terminal = opened(SIZE, [kedro_program, "aws-batch", "run", "--local"], project, environment())
    code, _ = terminal.end()
    screen = terminal.screen
    if code:
        raise SystemExit("\n".join(terminal.lines))
    console = Console(width=SIZE[0], record=True, file=StringIO(), force_terminal=True)
    rows = [*screen.history.top, *(screen.buffer[row] for row in range(screen.lines))]
    lines = [drawn(row) for row in rows]
    while lines and not lines[-1].plain:
        lines.pop()
    console.print("$ kedro aws-batch run --local", style="bold", highlight=False)
    for line in lines:
        console.print(line, highlight=False)
    console.print()
    svg = console.export_svg(title="kedro aws-batch run --local", unique_id="run")
    # The viewer's machine has the fonts: a picture loads nothing.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def drawn(row: dict[int, pyte.screens.Char]) -> Text:
    """Return a line of a terminal as rich draws it."""
    text = Text()
    for column in range(SIZE[0]):
        char = row[column]
        colour = _COLOURS.get(char.fg, char.fg.replace("bright", "bright_"))
        style = Style(color=f"#{colour}" if re.fullmatch(r"[\da-f]{6}", colour) else colour, bold=char.bold)
        text.append(char.data, style)
    text.rstrip()
    return text


def picture_of_a_page(page: Path, scheme: str, height: int, show: str) -> bytes:
    """Return a screenshot of a report, as somebody sees it who likes light or dark."""
    with Browser(chromium()) as browser:
        tab = browser.open(page.as_uri())
        tab.look(1280, height, scheme)
        tab.wait("document.documentElement.dataset.ready")
        tab.settle()
        if show:
            tab.run(show)
            tab.settle()
        return base64.b64decode(tab.call("Page.captureScreenshot", format="png")["data"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
