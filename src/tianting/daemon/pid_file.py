"""Who serves here, so that he can be found and ended, and nobody else in his place: a process id that was given to
another since names nobody.

Standard library alone: clients that must start fast read it, too.
"""

import contextlib
import json
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from tianting.daemon.process_start import started_at

_PLAIN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class Named(NamedTuple):
    """A process, for good."""

    pid: int
    started: int
    """Ticks since boot."""

    @property
    def is_alive(self) -> bool:
        """Whether it is still the same process."""
        return started_at(self.pid) == self.started


class Serving(NamedTuple):
    """What a PID file says."""

    daemon: Named
    guard: Named | None
    """Who starts it again."""


def place_of(socket: Path) -> Path:
    """The PID file that belongs to `socket`."""
    return socket.with_name(f"{socket.name}.pid")


@contextlib.contextmanager
def written(path: Path, guard: int | None) -> Generator[None, None, None]:
    """Say at `path` that this process serves; taken away at the end. Raises `OSError`."""
    said = {"daemon": _named(os.getpid()), "guard": None if guard is None else _named(guard)}
    descriptor = os.open(path, _PLAIN, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
        os.fchmod(descriptor, 0o600)
        json.dump(said, file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read(path: Path) -> Serving | None:
    """What `path` says; None where it says nothing, or nonsense. Whether it is true, `is_alive` tells."""
    try:
        said = json.loads(path.read_text(encoding="ascii"))
        guard = said["guard"]
        return Serving(Named(*map(int, said["daemon"])), None if guard is None else Named(*map(int, guard)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def send(named: Named, number: signal.Signals) -> bool:
    """Send a signal to this process and to no other; False where it is gone."""
    try:
        descriptor = os.pidfd_open(named.pid)
    except ProcessLookupError:
        return False
    try:
        # By now the number cannot be given to another without the descriptor knowing it.
        if not named.is_alive:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _named(pid: int) -> Named:
    return Named(pid, started_at(pid) or 0)
