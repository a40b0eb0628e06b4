"""Where a daemon listens and what it keeps, how its clients find it, and how it was asked to be."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tianting.fleet.door.place import settle
from tianting.plumbing.atomic_file import write_atomically


class DaemonWish(Struct, frozen=True, kw_only=True):
    """How a daemon was asked to be."""

    agent: str = "codex"
    """Kind of its windows: `codex`, or `tianting` for our own."""
    held_by: int | None = None
    """Process that it was started for; it ends when nobody holds it any more."""
    archive_every: float | None = None
    """Hours between two archives of the conversations; None makes none."""
    guard: int | None = None
    """Process that starts it again."""


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
    def metrics(self) -> Path:
        """A socket for Prometheus."""
        return self.run / "metrics"

    @property
    def book(self) -> Path:
        """Its conversations."""
        return self.state / "conversations.json"

    @property
    def archives(self) -> Path:
        """What can be put back."""
        return self.state / "archives"

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
