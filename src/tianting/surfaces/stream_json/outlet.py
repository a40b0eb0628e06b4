"""One way out for everybody: without it an answer to the client would wait until the events before it are read.

    events     write ──┐
    questions  write ──┼→ in the order of the calls → Output
    answers    post  ──┘

`write` waits until its bytes are out and so slows down whoever makes events; `post` never waits, because whoever
answers must go on listening.
"""

from typing import Protocol

import anyio

from tianting.surfaces.output import Output

ROOM = 1 << 20
"""Bytes of posted lines that may wait before the reader of the client stops reading."""


class Wire(Output, Protocol):
    """An output that can tell whether anybody is left to read it."""

    def reader_is_gone(self) -> bool:
        """Whether nothing that is written can be read any more. Never waits."""
        ...


class Outlet:
    """An `Output` for many writers; what was posted goes out while `run` does."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting = bytearray()
        self._posted = anyio.Event()
        self._has_room = anyio.Event()

    async def write(self, data: bytes) -> None:
        """See `Output`."""
        self._waiting += data
        await self.flush()

    async def flush(self) -> None:
        """See `Output`."""
        data = bytes(self._waiting)
        self._waiting.clear()
        self._has_room.set()
        await self._wire.write(data)  # takes the bytes in before it waits, so the order is that of the calls

    def post(self, line: bytes) -> None:
        """Write `line` as soon as may be, after all that was written before."""
        self._waiting += line
        self._posted.set()

    async def until_room(self) -> None:
        """Wait while too much of what was posted is unread."""
        while len(self._waiting) > ROOM:
            self._has_room = anyio.Event()
            await self._has_room.wait()

    def reader_is_gone(self) -> bool:
        """See `Wire`."""
        return self._wire.reader_is_gone()

    async def run(self) -> None:
        """Write what is posted, for ever. Raises `OutputClosed`."""
        while True:
            await self._posted.wait()
            self._posted = anyio.Event()
            await self.flush()
