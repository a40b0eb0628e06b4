"""The keeper of a fleet: found where it is, launched where it is missing, ended with the last window."""

import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import anyio

from tianting.fleet.door.place import make_private
from tianting.fleet.drivers.tmux import OPTION
from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.fleet.terminals import TerminalLink, Terminals
from tianting.plumbing.tmux import TmuxServer
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

IMAGE = "tianting.cli.warm:run"
"""What native windows are forked from."""
ENDING = 10.0
"""Seconds that a keeper takes at most to end its windows."""
_NEEDED = frozenset({"HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR", "TZ", "XDG_RUNTIME_DIR"})
_NEEDED_BEGINNINGS = ("COVERAGE_", "PYTHON", "SSL_CERT_")


class FleetKeeper:
    """Of one fleet."""

    def __init__(self, path: Path, environment: Mapping[str, str], image: str = IMAGE) -> None:
        self._path = path
        self._image = image
        self._environment = _without_secrets(environment)
        self._pid: int | None = None
        self._terminals = Terminals(TmuxServer(terminals_beside(path), option=OPTION))

    async def open(self) -> TerminalLink:
        """A new link, to the windows in terminals, too. Raises `FleetError`."""
        make_private(self._path.parent)
        try:
            link = await KeeperLink.open(self._path)
        except FleetError as error:
            log.info("a keeper is launched: %s", error)
            await launch_keeper(self._path, image=self._image, environment=self._environment)
            link = await KeeperLink.open(self._path)
        self._pid = link.keeper_pid
        return TerminalLink(link, self._terminals)

    def hang_up(self) -> None:
        """Let go of the terminals; what runs there goes on."""
        self._terminals.close()

    async def ended(self) -> None:
        """End it in order, and return when it is gone, or does not go."""
        if self._pid is None:
            return
        try:
            process = os.pidfd_open(self._pid)
        except ProcessLookupError:
            return
        try:
            self.end()
            with anyio.move_on_after(ENDING):
                await anyio.wait_readable(process)
        finally:
            os.close(process)

    def end(self) -> None:
        """End it in order; nothing runs under it any more."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)


def terminals_beside(keeper: Path) -> Path:
    """The tmux socket of the fleet whose keeper listens at `keeper`."""
    return keeper.with_name("tmux")


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter needs, and nothing else: a forked window can read what its keeper was started with."""
    return {
        name: value for name, value in environment.items() if name in _NEEDED or name.startswith(_NEEDED_BEGINNINGS)
    }
