"""One writer at a time: two windows that each save a rule must not lose one of them."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tianting.protocol.errors import ConfigError

PATIENCE = 2.0
"""Seconds to wait for another writer, who needs milliseconds."""
_PAUSE = 0.01


@contextlib.contextmanager
def turn_in(directory: Path) -> Iterator[None]:
    """Be the only one who changes settings in `directory`, which is there.

    Raises `ConfigError` when another process does not let go, and `OSError`.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConfigError(f"Settings in {directory} are being changed by another process. Try again.") from None
            time.sleep(_PAUSE)
        else:
            return
