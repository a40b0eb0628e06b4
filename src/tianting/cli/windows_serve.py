"""`tianting windows serve`: the process that keeps the windows; in the foreground, behind us, or to be ended."""

import logging
import logging.handlers
import os
import sys
from pathlib import Path

import anyio
import click

from tianting.cli.program import complain
from tianting.cli.windows_calling import door, fleet_home, is_serving, start_fleet
from tianting.fleet.door.client import NoFleet, knock
from tianting.fleet.door.place import DoorTaken, make_private
from tianting.fleet.door.words import Done, EndFleet

log = logging.getLogger(__name__)

_LOG_BYTES = 10_000_000
_LOG_FILES = 5


@click.command()
@click.option("--foreground", is_flag=True, help="Stay here; Ctrl-C ends the fleet and leaves the windows at work.")
@click.option("--stop", is_flag=True, help="End every window in order, and then the fleet.")
def serve(foreground: bool, stop: bool) -> None:
    """Keep windows alive. Every other command starts this by itself where it is missing.

    Whatever ends the fleet's process but --stop, the windows work on, and the next fleet takes them up.
    """
    if stop:
        anyio.run(_stop)
    elif foreground:
        _serve()
    else:
        anyio.run(_begin)


async def _begin() -> None:
    if not await is_serving():
        await start_fleet()
    async with knock(door()) as fleet:
        click.echo(f"The fleet serves: process {fleet.welcome.pid}.")


async def _stop() -> None:
    try:
        async with knock(door()) as fleet:
            pid = fleet.welcome.pid
            complain(f"waiting for the windows to end (process {pid}).")
            done = await fleet.ask(EndFleet(), Done)
    except NoFleet:
        click.echo("No fleet runs.")
        return
    click.echo(done.told)


def _serve() -> None:
    from tianting.cli.fleet_wiring import FleetWiring, fleet_places
    from tianting.cli.windows_reload import read_fleet_settings

    home = fleet_home()
    make_private(home / "fleet")
    _begin_log(home / "fleet" / "fleet.log")
    wiring = FleetWiring(fleet_places(home, os.environ), dict(os.environ), lambda: read_fleet_settings(home))
    try:
        anyio.run(wiring.serve, lambda: complain(f"the fleet serves: process {os.getpid()}."))
    except DoorTaken as taken:
        complain(str(taken))
    except Exception:  # the log outlives this process; what it says to its terminal may not
        log.exception("the fleet ended by a fault; its windows work on")
        raise


def _begin_log(path: Path) -> None:
    """JSON to a file that is rotated; to a terminal, what a person should see."""
    from tianting.telemetry.logs import json_handler

    file = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8")
    path.chmod(0o600)
    file.setFormatter(json_handler(sys.stderr).formatter)
    handlers: list[logging.Handler] = [file]
    if sys.stderr.isatty():
        screen = logging.StreamHandler(sys.stderr)
        screen.setLevel(logging.WARNING)
        handlers.append(screen)
    logging.basicConfig(level=logging.INFO, handlers=handlers)
