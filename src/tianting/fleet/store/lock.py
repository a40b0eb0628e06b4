"""Keeps two fleets from running on one store: each would restart what the other has just stopped.

The lock is the kernel's (flock(2)), so it ends with its holder, however that dies; what stands in the file only tells a
person who holds it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.fleet.store.records import StoreError
from tianting.plumbing.clock import iso_utc


class _Holder(Struct, frozen=True, kw_only=True):
    pid: int
    since: float


@contextlib.contextmanager
def held(path: Path, now: float) -> Iterator[None]:
    """Hold the lock file at `path`. Raises `StoreError`, saying who has it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreError(f"The store's lock {path} cannot be opened: {error.strerror}.") from error
    try:
        _take(descriptor, path)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(_Holder(pid=os.getpid(), since=now)), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(f"{path.with_suffix('')} is in use by {_who(descriptor)}. One store has one fleet.") from None


def _who(descriptor: int) -> str:
    try:
        holder = msgspec.json.decode(os.pread(descriptor, 1000, 0), type=_Holder)
    except msgspec.DecodeError:  # it is just being written
        return "another process"
    return f"process {holder.pid} since {iso_utc(holder.since)}"
