"""Bytes on their way in: without it a client that writes slowly, endlessly or not at all would stop the agent.

A descriptor is read only when the kernel has something for it, so an idle process sleeps without a single wake-up.
"""

import select
from collections.abc import Iterator
from os import read
from typing import Protocol

import anyio
from anyio.lowlevel import checkpoint

from tianting.protocol.errors import ProtocolError

LONGEST_LINE = 64 << 20
"""Bytes: room for any prompt with pictures that a provider takes."""
_CHUNK = 1 << 17


class ClientInput(Protocol):
    """Where a client writes."""

    async def read(self) -> bytes:
        """Wait for the next bytes; empty at the end of the input."""
        ...


class DescriptorInput:
    """An open file descriptor; the caller keeps it open."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._readiness = select.poll()
        self._readiness.register(descriptor, select.POLLIN)

    async def read(self) -> bytes:
        """See `ClientInput`. A terminal that hangs up and a peer that vanishes are ends like any other."""
        while True:
            await checkpoint()  # a file is always ready, and nobody else would have a turn
            if not self._readiness.poll(0):
                await anyio.wait_readable(self._descriptor)
            try:
                return read(self._descriptor, _CHUNK)
            except BlockingIOError:  # somebody else read it first
                continue
            except (ConnectionResetError, BrokenPipeError):
                return b""


class LineSplitter:
    """Cuts a stream into lines, wherever its chunks end. Keeps no more than `longest` bytes."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._pending = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytearray]:
        """The lines that `chunk` completes, without their line feeds. Raises `ProtocolError` for too long a one."""
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            self._keep(piece)
            yield self.rest()
        self._keep(rest)

    def rest(self) -> bytearray:
        """What came after the last line feed."""
        line, self._pending = self._pending, bytearray()
        return line

    def _keep(self, piece: bytes) -> None:
        if len(self._pending) + len(piece) > self._longest:
            raise ProtocolError(f"A line on standard input has more than {self._longest:,} bytes.")
        self._pending += piece
