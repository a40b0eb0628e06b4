"""`tianting daemon archive` and `restore`, and the archives that a daemon makes by itself."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import anyio

from tianting.cli.daemon_places import DaemonPlaces
from tianting.daemon.archives import make_archive, prune, read_archive, restore
from tianting.fleet.door.place import held_door, make_private
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

_HOUR = 3_600.0


def codex_home(environment: Mapping[str, str]) -> Path:
    """Where Codex keeps its sessions."""
    return Path(environment.get("CODEX_HOME") or Path(environment.get("HOME", "/")) / ".codex")


async def archive_now(places: DaemonPlaces, environment: Mapping[str, str]) -> Path:
    """Make one. Raises `FleetError`, `OSError`."""
    make_private(places.archives)
    return await make_archive(places.state, codex_home(environment), places.archives, SystemClock())


async def keep_archiving(places: DaemonPlaces, environment: Mapping[str, str], hours: float) -> None:
    """Make one every so often, until cancelled; the newest are kept."""
    while True:
        await anyio.sleep(hours * _HOUR)
        try:
            log.info("archived: %s", await archive_now(places, environment))
            prune(places.archives)
        except (FleetError, OSError) as error:
            log.warning("the conversations could not be archived: %s", error)


def put_back(archive: Path, places: DaemonPlaces, end: Callable[[], bool], begin: Callable[[], None]) -> Path | None:
    """Put `archive` back, around a daemon that runs. Gives back the archive of what was there.

    Raises `FleetError` before anything was ended or changed where the archive is not sound.
    """
    read_archive(archive)
    was_running = end()
    try:
        make_private(places.state)
        with held_door(places.state / "daemon"):  # one that listens elsewhere must not have its database replaced
            before = anyio.run(archive_now, places, os.environ) if (places.state / "fleet.db").exists() else None
            restore(archive, places.state, codex_home(os.environ))
    finally:
        if was_running:
            begin()
    return before
