"""Where a fleet's door is, and that nobody else can put another one there.

The directory is ours alone (0700, no link), a lock says which process has it, and what a dead one left is replaced.
"""

import contextlib
import fcntl
import hashlib
import os
import socket
import stat
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from tianting.plumbing.atomic_file import write_atomically
from tianting.protocol.errors import FleetError

_LONGEST = 107
"""Bytes of a socket's path: unix(7)."""
_CREDENTIALS = struct.Struct("3i")


class DoorTaken(FleetError):
    """Another fleet serves this home."""


def run_directory(home: Path, environment: Mapping[str, str]) -> Path:
    """For sockets of the fleet that belongs to `home`: below `$XDG_RUNTIME_DIR` if that is ours, else below `home`.

    It need not be there. Raises `FleetError` where no socket's path could be as long.
    """
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    if runtime and _is_ours(Path(runtime)):
        # Two homes of one person have two fleets.
        digest = hashlib.sha256(os.fsencode(os.path.realpath(home))).hexdigest()[:12]
        place = Path(runtime, "tianting", digest)
    else:
        place = Path(os.path.realpath(home), "fleet", "run")
    if len(os.fsencode(place / "gateway" / "socket")) > _LONGEST:
        raise FleetError(f"{place} is too long a path for sockets: set XDG_RUNTIME_DIR to a short one of yours.")
    return place


def settle(home: Path, environment: Mapping[str, str]) -> Path:
    """The run directory that the fleet of `home` uses, from whatever shell one asks: the first choice is remembered.

    Raises `FleetError`.
    """
    note = home / "fleet" / "address"
    try:
        noted = Path(note.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return run_directory(home, environment)
    return noted if _is_ours(noted) else run_directory(home, environment)


def remember(home: Path, directory: Path) -> None:
    """Note that the fleet of `home` uses `directory`."""
    write_atomically(home / "fleet" / "address", f"{directory}\n".encode(), mode=0o600)


def make_private(directory: Path) -> None:
    """Make `directory` and what is missing above it, for us alone. Raises `FleetError` where it is a link, another's
    or open to others."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = directory.lstat()
    except OSError as error:
        raise FleetError(f"{directory} cannot be made: {error.strerror}.") from None
    if not stat.S_ISDIR(found.st_mode):
        raise FleetError(f"{directory} is a link or a file: move it away.")
    if found.st_uid != os.geteuid():
        raise FleetError(f"{directory} belongs to somebody else: set XDG_RUNTIME_DIR to a directory of yours.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise FleetError(f"{directory} is open to others: run `chmod 700 {directory}`.")


@contextlib.contextmanager
def held_door(path: Path) -> Iterator[None]:
    """Have the address `path` as long as this lasts; its directory is there. Raises `DoorTaken`, `FleetError`."""
    name = path.with_name(f"{path.name}.lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FleetError(f"{name} cannot be opened: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            raise DoorTaken(f"A fleet serves here already: process {holder or 'unknown'}.") from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def is_own(connection: socket.socket) -> bool:
    """Whether the process at the other end is the same person's, or root's."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(found)[1] in (os.geteuid(), 0)


def _is_ours(directory: Path) -> bool:
    try:
        found = directory.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
