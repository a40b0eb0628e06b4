"""Reads a finished answer to the end of its stream, so that the connection can carry the next request."""

from collections.abc import AsyncIterator
from contextlib import suppress

import anyio

from tianting.plumbing.event_stream import ServerSentEvent
from tianting.protocol.errors import ModelError

_PATIENCE = 0.5
"""Seconds. A server that does not close its stream costs a new connection, and not a hanging turn."""


async def read_to_end(events: AsyncIterator[ServerSentEvent]) -> None:
    """Skip what follows the last event that counts: nothing, or `[DONE]`. The answer is whole, so nothing is raised."""
    with anyio.move_on_after(_PATIENCE), suppress(ModelError):
        async for _ in events:
            pass
