"""Who needs the daemon, where it was started to stay as long as it is needed: a process that dies gives up its claim,
however it dies."""

import logging
import os
from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup

log = logging.getLogger(__name__)


class Leases:
    """Of one daemon. `unneeded` is called when the last claim is given up."""

    def __init__(self, unneeded: Callable[[], None]) -> None:
        self._unneeded = unneeded
        self._held: set[int] = set()
        self._tasks: TaskGroup | None = None

    def begin(self, tasks: TaskGroup) -> None:
        """Watch claims in tasks of this group."""
        self._tasks = tasks

    def hold(self, pid: int) -> None:
        """The process `pid` needs the daemon, whatever program it becomes."""
        if self._tasks is None or pid in self._held:
            return
        try:
            descriptor = os.pidfd_open(pid)
        except OSError as error:
            log.info("process %d cannot be watched: %s", pid, error)
            if not self._held:
                self._unneeded()
            return
        self._held.add(pid)
        self._tasks.start_soon(self._watch, pid, descriptor)

    async def _watch(self, pid: int, descriptor: int) -> None:
        try:
            await anyio.wait_readable(descriptor)
        finally:
            os.close(descriptor)
            self._held.discard(pid)
        if not self._held:
            self._unneeded()
