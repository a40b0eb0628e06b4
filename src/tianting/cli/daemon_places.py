"""Where a daemon listens and what it keeps, and how its clients find it."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tianting.fleet.door_place import settle
from tianting.plumbing.atomic_file import write_atomically


class DaemonPlaces(Struct, frozen=True, kw_only=True):
    """Of the daemon that belongs to `home`."""

    home: Path
    """The agent's own: `~/.tianting`."""
    run: Path
    """Sockets and the PID file."""
    socket: Path

    @property
    def state(self) -> Path:
        """All that must outlive the process."""
        return self.home / "daemon"

    @property
    def log(self) -> Path:
        """What it says, as JSON lines."""
        return self.state / "daemon.log"

    @property
    def book(self) -> Path:
        """Its conversations."""
        return self.state / "conversations.json"

    @property
    def address(self) -> Path:
        """A note for clients: where the socket is."""
        return self.state / "address"

    def note_address(self) -> None:
        """Let clients find the socket."""
        write_atomically(self.address, f"{self.socket}\n".encode(), mode=0o600)


def daemon_places(home: Path, environment: Mapping[str, str], socket: Path | None = None) -> DaemonPlaces:
    """Those of `home`; `socket` overrides where it listens. Raises `FleetError`."""
    run = settle(home, environment) / "codex"
    chosen = socket or (Path(told) if (told := environment.get("TIANTING_CODEX_SOCKET")) else run / "socket")
    return DaemonPlaces(home=home, run=run, socket=Path(os.path.abspath(chosen)))  # noqa: PTH100 - no link is followed
