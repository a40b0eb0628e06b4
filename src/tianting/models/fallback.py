"""Hands a session over to a second model when the first is overloaded for too long.

    FallbackModel(RetryingModel(first), RetryingModel(second))

It stands outside and watches: `RetryingModel` announces each wait, so the third overload in a row is seen before
its wait begins. There is no way back within a session: the cache of the first model is cold by then, and an answer
that changes its author twice is worse than a slower one. Thinking of the first model is left out by the second's
door, which knows it by its `origin`.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import structs

from tianting.models.client import ModelClient
from tianting.protocol.deltas import Delta, ModelSwitched, RequestRetried
from tianting.protocol.errors import ModelUnavailable
from tianting.protocol.requests import ModelRequest

_PATIENCE = 3
"""Overloads in a row of one request."""


class FallbackModel:
    """A `ModelClient` of two. Both should be retrying ones."""

    def __init__(self, first: ModelClient, second: ModelClient, *, fallback_model: str) -> None:
        self._first = first
        self._second = second
        self._fallback_model = fallback_model
        self._switched = False

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer `request` by the first model, or else by the second, announced by `ModelSwitched`."""
        if not self._switched:
            async with aclosing(self._ask_first(request)) as deltas:
                async for delta in deltas:
                    yield delta
        if self._switched:
            async with aclosing(self._second.stream(self._addressed(request))) as deltas:
                async for delta in deltas:
                    yield delta

    async def count_tokens(self, request: ModelRequest) -> int:
        """Ask whichever model answers now."""
        if self._switched:
            return await self._second.count_tokens(self._addressed(request))
        return await self._first.count_tokens(request)

    async def aclose(self) -> None:
        """Close both."""
        try:
            await self._first.aclose()
        finally:
            await self._second.aclose()

    async def _ask_first(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Ends with `ModelSwitched` where it does not end with an answer."""
        overloads = 0
        try:
            async with aclosing(self._first.stream(request)) as deltas:
                async for delta in deltas:
                    if isinstance(delta, RequestRetried):
                        overloads = overloads + 1 if delta.cause == "overloaded" else 0
                        if overloads >= _PATIENCE:
                            yield structs.replace(delta, delay=0.0)  # still voids what came before
                            break
                    yield delta
                else:
                    return
        except ModelUnavailable as error:
            if error.cause != "overloaded":
                raise
        self._switched = True
        yield ModelSwitched(original=request.model, fallback=self._fallback_model, trigger="overloaded")

    def _addressed(self, request: ModelRequest) -> ModelRequest:
        return structs.replace(request, model=self._fallback_model)
