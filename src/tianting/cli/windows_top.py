"""`tianting windows top`: all windows on one screen, redrawn in place."""

import os
import shutil
import signal
import sys
import termios
import time
import tty
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

import anyio
import click

from tianting.cli.windows_calling import call
from tianting.cli.windows_listing import table_lines
from tianting.cli.windows_tables import COLOURS, table, why
from tianting.fleet.door.client import FleetClient
from tianting.fleet.door.words import Listing, ListWindows, Row, Watch
from tianting.fleet.window import OVER

_BEGIN = "\x1b[?1049h\x1b[?25l"
"""The other screen, without a cursor."""
_END = "\x1b[?25h\x1b[?1049l"


@click.command()
@click.option("--once", is_flag=True, help="Print one picture and end.")
@click.option("--every", type=click.FloatRange(min=0.25), default=1.0, show_default=True, help="Seconds.")
def top(once: bool, every: float) -> None:
    """Watch all windows. `q` or Ctrl-C ends it; the windows work on."""
    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        listing = call(lambda fleet: fleet.ask(ListWindows(), Listing))
        for line in (headline(listing), *table_lines(listing.rows)):
            click.echo(line)
        return
    call(lambda fleet: _watch(fleet, every))


async def _watch(fleet: FleetClient, every: float) -> None:
    with _other_screen():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_end_at_key, tasks.cancel_scope)
            tasks.start_soon(_end_at_signal, tasks.cancel_scope)
            async with aclosing(fleet.stream(Watch(every=every), Listing)) as listings:
                async for listing in listings:
                    size = shutil.get_terminal_size()
                    sys.stdout.write(picture(listing, columns=size.columns, lines=size.lines))
                    sys.stdout.flush()


def headline(listing: Listing) -> str:
    """How many windows there are, and in which states."""
    alive = sum(row.window.status not in OVER for row in listing.rows)
    counts = Counter(row.window.status for row in listing.rows)
    told = " · ".join(f"{count} {status}" for status, count in counts.most_common())
    return f"{alive} of {listing.room} windows alive{f'   {told}' if told else ''}   {time.strftime('%H:%M:%S')}"


def picture(listing: Listing, *, columns: int, lines: int) -> str:
    """What to write to a terminal of this size to show `listing` in the place of what was there."""
    shown = [headline(listing)[:columns], *_rows(listing.rows, columns)]
    if len(shown) > lines:
        shown = [*shown[: lines - 1], f"… {len(shown) - lines + 1} more"[:columns]]
    return "\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in shown) + "\x1b[J"


def _rows(rows: tuple[Row, ...], columns: int) -> Iterator[str]:
    if not rows:
        yield "No windows. Make one: tianting windows create"[:columns]
        return
    heads, *lines = table(rows, time.time(), home=os.environ.get("HOME", ""))
    yield click.style("  ".join(heads)[:columns].ljust(columns), reverse=True)
    for cells, row in zip(lines, rows, strict=True):
        told = why(row)
        line = "  ".join((*cells, told) if told else cells)[:columns]
        yield _coloured(line, row.window.status)


def _coloured(line: str, status: str) -> str:
    """With the status in its colour, wherever the line is cut off."""
    colour = COLOURS.get(status)
    before, found, after = line.partition(f" {status} ")
    return f"{before} {click.style(status, fg=colour)} {after}" if found and colour else line


@contextmanager
def _other_screen() -> Iterator[None]:
    """Keys come one by one and are not shown. The screen before comes back, whatever happens."""
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    sys.stdout.write(_BEGIN)
    try:
        yield
    finally:
        sys.stdout.write(_END)
        sys.stdout.flush()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def _end_at_key(scope: anyio.CancelScope) -> None:
    while True:
        await anyio.wait_readable(sys.stdin)
        if os.read(sys.stdin.fileno(), 64)[:1] in (b"q", b"Q", b"\x04", b""):
            scope.cancel()
            return


async def _end_at_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return
