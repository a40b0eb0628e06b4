"""The way to a client, as good or bad as a test wants it."""

from typing import Any

import anyio
import msgspec

from tianting.surfaces.output import OutputClosed


class KeptWire:
    """Takes everything at once."""

    def __init__(self) -> None:
        self.data = b""
        self.is_gone = False
        self._written = anyio.Event()

    @property
    def lines(self) -> list[Any]:
        return [msgspec.json.decode(line) for line in self.data.splitlines()]

    async def write(self, data: bytes) -> None:
        if self.is_gone:
            raise OutputClosed
        self.data += data
        self._written.set()
        self._written = anyio.Event()

    async def flush(self) -> None:
        """Nothing waits here."""

    def reader_is_gone(self) -> bool:
        return self.is_gone

    async def until_more(self) -> None:
        """Wait until something else is written."""
        await self._written.wait()

    async def until(self, count: int = 1, **fields: object) -> list[Any]:
        """Wait until `count` lines were written that have all `fields`, and give them back."""
        with anyio.fail_after(5):
            while len(found := [line for line in self.lines if fields.items() <= line.items()]) < count:
                await self.until_more()
        return found


class StuckWire(KeptWire):
    """Takes what is written and lets nobody go on, as a pipe whose reader sleeps, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self._free = anyio.Event()

    async def write(self, data: bytes) -> None:
        await super().write(data)
        await self._free.wait()

    def let_go(self) -> None:
        """Let the reader wake up."""
        self._free.set()
