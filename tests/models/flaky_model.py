"""A model that fails in the order a test wrote down."""

from collections.abc import AsyncGenerator, Sequence

import anyio

from tianting.protocol.content import Text
from tianting.protocol.deltas import BlockStarted, Delta, MessageFinished, MessageStarted, RetryCause, TextDelta
from tianting.protocol.errors import ModelError, ModelUnavailable
from tianting.protocol.messages import AssistantMessage, user_text
from tianting.protocol.requests import ModelRequest

BEGINNING: list[Delta] = [
    MessageStarted(message_id="m", model="first"),
    BlockStarted(index=0, block=Text(text="")),
    TextDelta(index=0, text="Hel"),
]
ANSWER: list[Delta] = [*BEGINNING, MessageFinished(message=AssistantMessage(id="m", model="first", content=()))]


def request(model: str = "first") -> ModelRequest:
    return ModelRequest(model=model, system=(), tools=(), messages=(user_text("Hi."),), max_tokens=100)


def unavailable(cause: RetryCause = "overloaded", retry_after: float | None = None) -> ModelUnavailable:
    return ModelUnavailable("Not now.", cause=cause, retry_after=retry_after, status=529, request_id="r")


class FlakyModel:
    """Each request gets the next list: its deltas, and its errors raised. `None` hangs."""

    def __init__(self, *streams: Sequence[Delta | ModelError | None]) -> None:
        self._streams = list(streams)
        self.seen: list[str] = []
        """The model each request named."""
        self.open = 0
        self.closed = False

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        self.seen.append(request.model)
        self.open += 1
        try:
            for step in self._streams.pop(0):
                if isinstance(step, ModelError):
                    raise step
                if step is None:
                    await anyio.sleep_forever()
                else:
                    yield step
        finally:
            self.open -= 1

    async def count_tokens(self, request: ModelRequest) -> int:
        self.seen.append(request.model)
        return len(request.model)

    async def aclose(self) -> None:
        self.closed = True
