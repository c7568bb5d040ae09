"""Does `kedro aws-batch list`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from kedro_aws_batch.launch.follow import REMOTE
from kedro_aws_batch.show.display import can_draw, stdout_console
from kedro_aws_batch.show.listing import Listing, keep_showing, look
from kedro_aws_batch.show.runs_table import as_data, runs_table
from kedro_aws_batch.show.screen import Screen

from .costs import prices_or_none
from .service import runs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from kedro_aws_batch.prices import Prices

    from .options import Where

#: A list shown once describes only so many of its newest runs: how running ones are doing, why others failed.
MOST = 3
#: The width in a pipe, where nothing is cut.
WIDE = 10_000


def print_list(where: Where, status: str | None, limit: int, costs: bool, as_json: bool) -> None:
    """Print runs once; with `costs`, ask the service about each of them first."""
    listing = Listing(runs=runs_of(where), status=status, limit=limit, everything=costs)
    look(listing, None if costs else MOST)
    prices = prices_or_none(where) if any(row.state is not None for row in listing.rows) else None
    if as_json:
        click.echo(json.dumps([as_data(row, prices) for row in listing.rows], indent=2, ensure_ascii=False))
    else:
        _print(listing, prices)


def watch_list(where: Where, status: str | None, limit: int, costs: bool) -> None:
    """Show runs until Ctrl-C, the normal way to end it."""
    listing = Listing(runs=runs_of(where), status=status, limit=limit, everything=costs)
    console, prices = stdout_console(), prices_or_none(where)
    try:
        if not can_draw(console):
            keep_showing(listing, _changes(listing, console), lambda text: click.echo(text, err=True), REMOTE.patience)
            return
        with Screen(console).open() as screen:

            def show() -> None:
                screen.draw(lambda _: _table(listing, console.width - 1, prices))

            keep_showing(listing, show, screen.above, REMOTE.patience)
    except KeyboardInterrupt:
        pass


def _print(listing: Listing, prices: Prices | None) -> None:
    """Print the list: to the width of a terminal, or whole in a pipe."""
    console = stdout_console()
    if console.is_terminal:
        console.print(_table(listing, console.width, prices))
        return
    console.width = WIDE
    with console.capture() as captured:
        console.print(_table(listing, WIDE, prices))
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _table(listing: Listing, width: int, prices: Prices | None) -> RenderableType:
    if not listing.rows:
        return "There are no runs yet." if listing.status is None else f"No run is {listing.status}."
    return runs_table(listing.rows, int(time.time() * 1000), width, prices)


def _changes(listing: Listing, console: Console) -> Callable[[], None]:
    """Return a function that prints the runs whose status has changed since its last call."""
    told: dict[str, str] = {}

    def show() -> None:
        for row in reversed(listing.rows):
            if told.get(row.run.run_id) != row.run.status:
                told[row.run.run_id] = row.run.status
                console.print(f"{row.run.run_id} {row.run.status}", markup=False, soft_wrap=True)

    return show
