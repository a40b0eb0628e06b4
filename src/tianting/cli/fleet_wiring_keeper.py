"""The keeper of a fleet: found where it is, launched where it is missing, ended with the last window."""

import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from tianting.fleet.door_place import make_private
from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

IMAGE = "tianting.cli.warm:run"
"""What native windows are forked from."""


class FleetKeeper:
    """Of one fleet."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = environment
        self._pid: int | None = None

    async def open(self) -> KeeperLink:
        """A new link. Raises `FleetError`."""
        make_private(self._path.parent)
        try:
            link = await KeeperLink.open(self._path)
        except FleetError as error:
            log.info("a keeper is launched: %s", error)
            await launch_keeper(self._path, image=IMAGE, environment=self._environment)
            link = await KeeperLink.open(self._path)
        self._pid = link.keeper_pid
        return link

    def end(self) -> None:
        """End it in order; nothing runs under it any more."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
