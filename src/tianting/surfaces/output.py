"""Bytes on their way out, so that a slow reader costs no data and a vanished one no traceback.

Standard output may be a pipe whose reader sleeps, a terminal, or shared with a process that made it non-blocking.
A piece is written only when the kernel has room for it, so a full pipe never stops the event loop: the agent can
still be interrupted while its reader takes a break.
"""

import errno
import os
import select
from typing import Protocol

import anyio


class OutputClosed(Exception):
    """The reader is gone, and nobody is left to be told. The command line ends quietly."""


class Output(Protocol):
    """Where a surface writes."""

    async def write(self, data: bytes) -> None:
        """Write all of `data`, after everything written before. Raises `OutputClosed`.

        Waits as long as the reader lets it: a person who pauses a pager has the right to. Cancelled, it keeps the
        rest for the next write, because half a line would break whoever reads lines.
        """
        ...

    async def flush(self) -> None:
        """Write what a cancelled `write` left behind. Raises `OutputClosed`."""
        ...


class DescriptorOutput:
    """An open file descriptor; the caller keeps it open. Raises `OSError` where a disk is full."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending = bytearray()
        self._one_writer = anyio.Lock(fast_acquire=True)
        self._readiness = select.poll()
        self._readiness.register(descriptor, select.POLLOUT)
        self._waits = True

    async def write(self, data: bytes) -> None:
        """See `Output`."""
        self._pending += data
        await self.flush()

    async def flush(self) -> None:
        """See `Output`."""
        async with self._one_writer:
            while self._pending:
                await self._until_writable()
                if not self._write_some():
                    await anyio.sleep(0.005)

    def wait_no_longer(self) -> None:
        """Raise `OutputClosed` from now on where a reader would have to be waited for, and for whoever waits."""
        self._waits = False
        anyio.notify_closing(self._descriptor)

    def reader_is_gone(self) -> bool:
        """Whether nothing that is written can be read any more. Never waits; a file has no reader to lose."""
        return any(events & _NO_READER for _, events in self._readiness.poll(0))

    async def _until_writable(self) -> None:
        if self._readiness.poll(0):  # files are always ready, and the event loop cannot wait for them
            return
        if not self._waits:
            raise OutputClosed
        try:
            await anyio.wait_writable(self._descriptor)
        except anyio.ClosedResourceError as error:
            raise OutputClosed from error

    def _write_some(self) -> bool:
        """Write a piece that does not block on a ready pipe. False: the kernel changed its mind."""
        try:
            written = os.write(self._descriptor, self._pending[: select.PIPE_BUF])
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _GONE:
                raise OutputClosed from error
            raise
        del self._pending[:written]
        return True


_NO_READER = select.POLLERR | select.POLLHUP
_GONE = {errno.EPIPE, errno.ECONNRESET, errno.EIO}
"""EIO is a terminal that hung up."""
