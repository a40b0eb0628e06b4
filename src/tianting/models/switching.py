"""Lets a session change its model while it runs: without it the loop would have to be built again.

    SwitchingModel(first), use(second), use(first)

A stream that has begun goes on with the client it began with. Thinking of the former model is left out by the door of
the latter, which knows it by its `origin`.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from tianting.models.client import ModelClient
from tianting.protocol.deltas import Delta
from tianting.protocol.requests import ModelRequest


class SwitchingModel:
    """A `ModelClient` around the one in use. Whoever switches also puts the model's name into the session's shape."""

    def __init__(self, client: ModelClient) -> None:
        self._client = client
        self._opened = [client]

    def use(self, client: ModelClient) -> None:
        """Ask `client` from the next stream on. It is closed with this one; a former one may be used again."""
        self._client = client
        if client not in self._opened:
            self._opened.append(client)

    def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer `request` by the client in use."""
        return self._client.stream(request)

    async def count_tokens(self, request: ModelRequest) -> int:
        """Ask the client in use."""
        return await self._client.count_tokens(request)

    async def aclose(self) -> None:
        """Close every client that was in use, also when one of them fails to."""
        async with AsyncExitStack() as closing:
            for client in self._opened:
                closing.push_async_callback(client.aclose)
