"""The port every provider is behind."""

from collections.abc import AsyncGenerator
from typing import Protocol

from tianting.protocol.deltas import Delta
from tianting.protocol.requests import ModelRequest


class ModelClient(Protocol):
    """Something that answers requests. Wrappers (`RetryingModel`, `FallbackModel`) are ones too."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer `request` bit by bit; the last delta is `MessageFinished`.

        Raises a `ModelError`, and nothing else but cancellation. Close the generator to break off.
        """
        ...

    async def count_tokens(self, request: ModelRequest) -> int:
        """Estimate the prompt's size. Raises `ModelError`; providers that cannot count estimate by length."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
