"""One at a time in a store, whoever it is: two sessions of one project share it."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tianting.protocol.errors import CheckpointError

PATIENCE = 60.0
"""Seconds. The first checkpoint of a large tree takes several."""
_PAUSE = 0.01


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the block. Blocks its thread; raises `CheckpointError` when it takes too long.

    The system lets go of it when the process dies.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise CheckpointError(f"Another process holds {path} for more than {PATIENCE:g} s.") from None
            time.sleep(_PAUSE)
        else:
            return
