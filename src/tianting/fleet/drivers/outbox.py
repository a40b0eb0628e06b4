"""What is on its way to an agent: a caller who gives up waiting must not leave half a line in the pipe behind.

One writer sends what many callers post, in their order. Posting never waits: an agent that reads too slowly is told
nothing more, instead of stopping the fleet.
"""

from collections import deque

import anyio

from tianting.fleet.drivers.driver import DriverError, Pipe

MOST_UNSENT = 256
"""Messages that may wait for an agent that does not read."""


class Outbox:
    """Everything that is to be sent over one pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._unsent: deque[bytes | None] = deque()
        self._posted = anyio.Event()
        self._closed = ""

    def post(self, line: bytes | None) -> None:
        """Send `line` in its turn; None ends the input of the agent. Raises `DriverError` where that is useless."""
        if self._closed:
            raise DriverError(self._closed)
        if len(self._unsent) >= MOST_UNSENT:
            raise DriverError(f"The agent does not read: {MOST_UNSENT} messages wait for it.")
        self._unsent.append(line)
        self._posted.set()

    async def run(self) -> None:
        """Send, to the end of the agent's input or of its patience."""
        while not self._closed:
            if not self._unsent:
                self._posted = anyio.Event()
                await self._posted.wait()
            await self._send(self._unsent.popleft())

    def close(self, reason: str) -> None:
        """Take nothing more, and say why."""
        self._closed = self._closed or reason

    async def _send(self, line: bytes | None) -> None:
        if line is None:
            self.close("The agent was asked to leave.")
            await self._pipe.finish()
            return
        try:
            await self._pipe.send(line)
        except BrokenPipeError:
            self.close("The agent reads no more.")
