"""`kedro aws-batch list`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from .options import json_option
from .service import Place, place_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from kedro_aws_batch.prices import Prices
    from kedro_aws_batch.show.listing import Listing

#: Of so many runs that go on, the newest, a list that is shown once says more.
MOST = 3
#: Seconds: a laptop's network comes and goes, and runs go on without it.
PATIENCE = 15 * 60
#: In a pipe nothing is cut.
WIDE = 10_000


@click.command("list")
@click.option(
    "--status",
    type=click.Choice(["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"], case_sensitive=False),
    help="Only runs of this status.",
)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many.")
@click.option("-w", "--watch", is_flag=True, help="Show them until Ctrl-C; in a pipe, a line for each that changes.")
@click.option("--costs", is_flag=True, help="What each has cost, also of those that have ended.")
@json_option()
@place_options
def command(place: Place, status: str | None, limit: int, as_json: bool, **more: bool) -> None:
    """List runs, newest first.

    Of runs that go on, the list says how many jobs are done, how long still (~ about, > at least, ? not known) and what
    they have cost. The service has to be asked for each, one a second: of the newest three, unless it is watched, which
    shows all of them in turn, or the costs are asked for.

    \b
    Examples:
      kedro aws-batch list
      kedro aws-batch list --watch
      kedro aws-batch list --status=failed --limit=5
      kedro aws-batch list --costs
      kedro aws-batch list --local --json
    """
    from kedro_aws_batch.show.listing import Listing, look  # noqa: PLC0415

    watch, costs = more["watch"], more["costs"]
    if watch and as_json:
        raise click.UsageError("--watch is for people and --json for programs: give one of them.")
    listing = Listing(place.runs(), status.upper() if status else None, limit, costs)
    if watch:
        _watch(listing, place)
        return
    look(listing, None if costs else MOST)
    prices = _prices(listing, place)
    if as_json:
        from kedro_aws_batch.show.runs_table import as_data  # noqa: PLC0415

        click.echo(json.dumps([as_data(row, prices) for row in listing.rows], indent=2, ensure_ascii=False))
    else:
        _print(listing, prices)


def _print(listing: Listing, prices: Prices | None) -> None:
    """Print the list: as a terminal has room for it, and whole in a pipe."""
    from kedro_aws_batch.show.progress import stdout_console  # noqa: PLC0415

    console = stdout_console()
    if console.is_terminal:
        console.print(_table(listing, console.width, prices))
        return
    console.width = WIDE
    with console.capture() as captured:
        console.print(_table(listing, WIDE, prices))
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _prices(listing: Listing, place: Place) -> Prices | None:
    """Return the project's prices if there is anything to price."""
    from .report import prices_or_none  # noqa: PLC0415

    return prices_or_none(place) if any(row.state is not None for row in listing.rows) else None


def _table(listing: Listing, width: int, prices: Prices | None) -> RenderableType:
    from kedro_aws_batch.show.runs_table import runs_table  # noqa: PLC0415

    if not listing.rows:
        return "There are no runs yet." if listing.status is None else f"No run is {listing.status}."
    return runs_table(listing.rows, int(time.time() * 1000), width, prices)


def _watch(listing: Listing, place: Place) -> None:
    """Show the list until Ctrl-C, which is how it is meant to end."""
    from kedro_aws_batch.show.listing import watch  # noqa: PLC0415
    from kedro_aws_batch.show.progress import can_draw, stdout_console  # noqa: PLC0415
    from kedro_aws_batch.show.screen import Screen  # noqa: PLC0415

    from .report import prices_or_none  # noqa: PLC0415

    console, prices = stdout_console(), prices_or_none(place)
    try:
        if not can_draw(console):
            watch(listing, _changes(listing, console), lambda text: click.echo(text, err=True), PATIENCE)
            return
        with Screen(console).open() as screen:

            def show() -> None:
                screen.draw(lambda _: _table(listing, console.width - 1, prices))

            watch(listing, show, screen.above, PATIENCE)
    except KeyboardInterrupt:
        pass


def _changes(listing: Listing, console: Console) -> Callable[[], None]:
    """Return what prints the runs whose status is another than when it was last called."""
    told: dict[str, str] = {}

    def show() -> None:
        for row in reversed(listing.rows):
            if told.get(row.run.run_id) != row.run.status:
                told[row.run.run_id] = row.run.status
                console.print(f"{row.run.run_id} {row.run.status}", markup=False, soft_wrap=True)

    return show
