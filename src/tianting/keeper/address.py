"""Where the keeper listens: a socket that nobody else can reach, and that two keepers never share.

The directory is ours alone (0700), a lock beside the socket says who has it, and what a dead keeper left is replaced.
"""

import contextlib
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import TextIO


class AddressError(Exception):
    """The keeper cannot listen there; `str(error)` says why and what to do."""


def claim(path: Path) -> TextIO:
    """Take the address for as long as the file that is given back stays open. Raises `AddressError`, `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = path.parent.stat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise AddressError(f"{path.parent} is open to others: chmod 700 {path.parent}")
    lock = _open_lock(path.with_name(f"{path.name}.lock"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = lock.read().strip()
        lock.close()
        raise AddressError(f"another keeper, process {holder or 'unknown'}, holds {path}") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def listen(path: Path) -> socket.socket:
    """Listen at a claimed address. Raises `OSError`."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    listening.listen(8)
    listening.setblocking(False)
    return listening


def _open_lock(path: Path) -> TextIO:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "r+", encoding="ascii")
