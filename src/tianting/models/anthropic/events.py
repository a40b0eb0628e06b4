"""The shapes of the Messages API's stream events, as far as we read them, and a decoder for each.

Unknown fields are passed over; what an imitator may leave out has a default.
"""

from typing import Any

import msgspec
from msgspec import Struct


class CacheCreation(Struct, frozen=True, kw_only=True):
    """Cache writes by lifetime; the rest of them lives five minutes."""

    ephemeral_1h_input_tokens: int = 0


class OutputDetails(Struct, frozen=True, kw_only=True):
    """Where the output went."""

    thinking_tokens: int | None = None


class Counts(Struct, frozen=True, kw_only=True):
    """Tokens so far. Those that are left out keep the value they had."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None


class Message(Struct, frozen=True, kw_only=True):
    """The head of an answer."""

    id: str = ""
    model: str = ""
    usage: Counts | None = None


class MessageStart(Struct, frozen=True, kw_only=True):
    """`message_start`."""

    message: Message


class BlockStart(Struct, frozen=True, kw_only=True):
    """`content_block_start`."""

    index: int
    content_block: dict[str, Any]


class BlockDelta(Struct, frozen=True, kw_only=True):
    """A delta of any kind: each fills its own fields."""

    type: str
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""


class BlockDeltaEvent(Struct, frozen=True, kw_only=True):
    """`content_block_delta`."""

    index: int
    delta: BlockDelta


class BlockStop(Struct, frozen=True, kw_only=True):
    """`content_block_stop`."""

    index: int


class MessageChange(Struct, frozen=True, kw_only=True):
    """What of the message's head has become known."""

    stop_reason: str | None = None


class MessageDelta(Struct, frozen=True, kw_only=True):
    """`message_delta`: once or more often, before the end."""

    delta: MessageChange = MessageChange()
    usage: Counts | None = None


class Error(Struct, frozen=True, kw_only=True):
    """What went wrong."""

    type: str = ""
    message: str = ""


class ErrorEvent(Struct, frozen=True, kw_only=True):
    """`error`, inside a stream that began well."""

    error: Error = Error()


class Typed(Struct, frozen=True, kw_only=True):
    """Any event, as far as to tell its kind."""

    type: str = ""


decode_start = msgspec.json.Decoder(MessageStart).decode
decode_block_start = msgspec.json.Decoder(BlockStart).decode
decode_block_delta = msgspec.json.Decoder(BlockDeltaEvent).decode
decode_block_stop = msgspec.json.Decoder(BlockStop).decode
decode_message_delta = msgspec.json.Decoder(MessageDelta).decode
decode_error = msgspec.json.Decoder(ErrorEvent).decode
decode_type = msgspec.json.Decoder(Typed).decode
