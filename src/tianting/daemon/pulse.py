"""Proof that the daemon's loop turns, and what the process takes: without it a daemon that hangs would look like one
that waits."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import anyio

EVERY = 1.0
"""Seconds between two beats."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Pulse:
    """Run `run`."""

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        """`told` is called with each beat."""
        self.pid = os.getpid()
        self.beat = time.time()
        """Unix time of the last beat."""
        self.lag = 0.0
        """Seconds that it came late."""
        self.memory = _memory()
        """Bytes resident."""
        self.descriptors = _descriptors()
        self._told = told

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            due = time.monotonic() + EVERY
            await anyio.sleep(EVERY)
            self.lag = max(0.0, time.monotonic() - due)
            self.beat, self.memory, self.descriptors = time.time(), _memory(), _descriptors()
            self._told()


def _memory() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - the one that lists them is among them
