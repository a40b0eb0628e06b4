"""What a model's answer looks like while it arrives.

    MessageStarted (BlockStarted (TextDelta | ThinkingDelta | ArgumentsDelta)* BlockFinished)* MessageFinished

Only `MessageFinished` enters the history; the rest is for eyes. `RequestRetried` voids everything since the last
`MessageStarted`, which will come again. `ModelSwitched` says the next answer comes from another model.
"""

from typing import Literal

from msgspec import Struct

from tianting.protocol.content import AssistantBlock
from tianting.protocol.messages import AssistantMessage
from tianting.protocol.usage import Usage


class MessageStarted(Struct, frozen=True, kw_only=True):
    """The provider has begun to answer."""

    message_id: str
    model: str
    usage: Usage = Usage()


class BlockStarted(Struct, frozen=True, kw_only=True):
    """A block begins; `block` has its id and name, and no content yet."""

    index: int
    block: AssistantBlock


class TextDelta(Struct, frozen=True, kw_only=True):
    """More words of block `index`."""

    index: int
    text: str


class ThinkingDelta(Struct, frozen=True, kw_only=True):
    """More reasoning of block `index`."""

    index: int
    thinking: str


class ArgumentsDelta(Struct, frozen=True, kw_only=True):
    """More of the JSON text of a call's arguments."""

    index: int
    json: str


class BlockFinished(Struct, frozen=True, kw_only=True):
    """A block is whole."""

    index: int
    block: AssistantBlock


class MessageFinished(Struct, frozen=True, kw_only=True):
    """The provider said it is done. Nothing follows."""

    message: AssistantMessage


RetryCause = Literal["overloaded", "rate_limit", "server_error", "connection", "timeout", "broken_stream"]


class RequestRetried(Struct, frozen=True, kw_only=True):
    """The request failed in a way that passes; it is sent again after `delay` seconds."""

    attempt: int
    """1 for the first repetition."""
    max_retries: int
    delay: float
    status: int | None
    """HTTP status, where there was an answer at all."""
    cause: RetryCause
    message: str


class ModelSwitched(Struct, frozen=True, kw_only=True):
    """The fallback model takes over."""

    original: str
    fallback: str
    trigger: RetryCause


RateLimitStatus = Literal["allowed", "allowed_warning", "rejected"]


class RateLimitSeen(Struct, frozen=True, kw_only=True):
    """What the provider says of the account's limits. It may come at any moment and changes nothing of the answer."""

    status: RateLimitStatus
    resets_at: int | None = None
    """Seconds since 1970."""
    window: str | None = None
    """Which limit it is about, in the provider's words: `five_hour`, `seven_day`."""
    utilization: float | None = None
    """The part of that limit that is used up, from 0 to 1."""


Delta = (
    MessageStarted
    | BlockStarted
    | TextDelta
    | ThinkingDelta
    | ArgumentsDelta
    | BlockFinished
    | MessageFinished
    | RequestRetried
    | ModelSwitched
    | RateLimitSeen
)
