"""The events of a Responses stream, read at the door: only what the assembly needs of each.

Source: the types of the `openai` SDK 3.51, and OpenAI's API reference ("Streaming events").
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from tianting.models.http.failures import from_stream_error
from tianting.protocol.errors import ModelError
from tianting.protocol.usage import Usage


class EventHead(Struct, frozen=True, kw_only=True):
    """What says how to read the rest."""

    type: str = ""


class ItemEvent(Struct, frozen=True, kw_only=True):
    """An item begins or is whole. It is kept as bytes: reasoning goes back exactly as it came."""

    output_index: int
    item: Raw


class DeltaEvent(Struct, frozen=True, kw_only=True):
    """More of an item."""

    output_index: int
    delta: str


class PartEvent(Struct, frozen=True, kw_only=True):
    """A paragraph of a reasoning summary begins."""

    output_index: int
    summary_index: int = 0


class CacheWrites(Struct, frozen=True, kw_only=True):
    """Cache writes by how long they live."""

    ttl_12h_tokens: int | None = None


class InputDetails(Struct, frozen=True, kw_only=True):
    """Parts of `input_tokens`."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_tokens_details: CacheWrites | None = None


class OutputDetails(Struct, frozen=True, kw_only=True):
    """Parts of `output_tokens`."""

    reasoning_tokens: int | None = None


class InclusiveUsage(Struct, frozen=True, kw_only=True):
    """Tokens as OpenAI counts them: cached ones are part of `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None

    def exclusive(self) -> Usage:
        """The same, each token counted once."""
        details = self.input_tokens_details or InputDetails()
        read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
        long_lived = details.cache_write_tokens_details or CacheWrites()
        thinking = self.output_tokens_details or OutputDetails()
        return Usage(
            input_tokens=max(self.input_tokens - read - written, 0),
            output_tokens=self.output_tokens,
            cache_creation_input_tokens=written,
            cache_read_input_tokens=read,
            cache_creation_1h_input_tokens=long_lived.ttl_12h_tokens or 0,
            thinking_tokens=thinking.reasoning_tokens or 0,
        )


class StreamError(Struct, frozen=True, kw_only=True):
    """Why the provider gave up."""

    code: str | None = None
    type: str | None = None
    message: str | None = None

    def as_model_error(self) -> ModelError:
        """The error to raise."""
        return from_stream_error(self.code or self.type or "", self.message or "")


class ErrorEvent(Struct, frozen=True, kw_only=True):
    """An error that ends the stream: flat as OpenAI sends it, or nested as some gateways do."""

    code: str | None = None
    message: str | None = None
    error: StreamError | None = None

    def as_model_error(self) -> ModelError:
        """The error to raise."""
        return (self.error or StreamError(code=self.code, message=self.message)).as_model_error()


class Incomplete(Struct, frozen=True, kw_only=True):
    """Why an answer stops before its end."""

    reason: str | None = None


class Response(Struct, frozen=True, kw_only=True):
    """The whole answer, as far as it exists when the event is sent."""

    id: str = ""
    model: str = ""
    output: Sequence[Raw] = ()
    error: StreamError | None = None
    incomplete_details: Incomplete | None = None
    usage: InclusiveUsage | None = None


class ResponseEvent(Struct, frozen=True, kw_only=True):
    """The answer begins, goes on or ends."""

    response: Response


read_head = msgspec.json.Decoder(EventHead).decode
read_item_event = msgspec.json.Decoder(ItemEvent).decode
read_delta = msgspec.json.Decoder(DeltaEvent).decode
read_part = msgspec.json.Decoder(PartEvent).decode
read_error = msgspec.json.Decoder(ErrorEvent).decode
read_response = msgspec.json.Decoder(ResponseEvent).decode
