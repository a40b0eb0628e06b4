"""Reads the usage off an answer while it passes by, and looks at as little of it as it can.

Of a stream only the few events that name a usage or an error are decoded; the usual delta costs two searches for a few
bytes. They cannot be forged by what a model writes: inside a JSON string the quotes of `"usage":` are escaped, and what
is found is decoded as a whole and counts only where the dialect has its usage.
"""

from typing import Protocol

import msgspec
from msgspec import Struct, structs

from tianting.gateway.dialects import AnswerKind
from tianting.plumbing.event_stream import EventSplitter, EventTooLong
from tianting.protocol.usage import Usage

_MARK = b'"usage":'
_LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of an answer that is no stream; a longer one goes uncounted."""
_BYTES_A_DELTA = 128
"""An event around about one token."""
_BYTES_A_TOKEN = 4


class UsageTap:
    """Follows one answer with a good status."""

    def __init__(self, kind: AnswerKind, *, streams: bool) -> None:
        self.usage: Usage | None = None
        """What the answer has told so far; None when nothing."""
        self.error = ""
        """The type of an error inside a stream that began well."""
        self.model = ""
        """The model that answered, where it is told beside the usage."""
        self.payload_bytes = 0
        self._reads = _READERS.get(kind)
        self._streams = streams
        self._splitter = EventSplitter()
        self._between_events = True
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        """Look at the next piece. Never raises."""
        self.payload_bytes += len(data)
        if self._reads is None:
            return
        if not self._streams:
            if len(self._body) + len(data) <= _LARGEST_BODY:
                self._body += data
            return
        whole = data.endswith(b"\n\n")
        if self._between_events and whole and _MARK not in data and b"event: error" not in data:
            return
        self._between_events = whole
        self._split(data)

    def finish(self) -> None:
        """The answer is over."""
        if self._reads is not None and self._body:
            self._read(bytes(self._body))
        self._body.clear()

    def with_what_passed(self, told: Usage) -> Usage:
        """`told`, with at least as much output as what passed must have been.

        Who hangs up right before the end hears everything, and the usage is never said: that must not be free.
        """
        tokens = self.payload_bytes // (_BYTES_A_DELTA if self._streams else _BYTES_A_TOKEN)
        return structs.replace(told, output_tokens=max(told.output_tokens, tokens))

    def _split(self, data: bytes) -> None:
        try:
            events = self._splitter.feed(data)
        except EventTooLong:
            self._reads = None
            return
        for event in events:
            if event.event == "error":
                self.error = _error_type(event.data)
            elif _MARK in event.data:
                self._read(event.data)

    def _read(self, data: bytes) -> None:
        assert self._reads is not None
        try:
            told = self._reads.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        self.model = told.told_model() or self.model
        self.usage = told.told_usage(self.usage) or self.usage


class _Told(Protocol):
    """What an event, or a whole answer, tells."""

    def told_usage(self, before: Usage | None) -> Usage | None: ...

    def told_model(self) -> str: ...


class _CacheCreation(Struct, frozen=True):
    ephemeral_1h_input_tokens: int | None = None


class _AnthropicUsage(Struct, frozen=True):
    """Cumulative: what is absent keeps the value of the event before."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None

    def over(self, before: Usage) -> Usage:
        hour = self.cache_creation.ephemeral_1h_input_tokens if self.cache_creation else None
        return Usage(
            input_tokens=_either(self.input_tokens, before.input_tokens),
            output_tokens=_either(self.output_tokens, before.output_tokens),
            cache_creation_input_tokens=_either(self.cache_creation_input_tokens, before.cache_creation_input_tokens),
            cache_read_input_tokens=_either(self.cache_read_input_tokens, before.cache_read_input_tokens),
            cache_creation_1h_input_tokens=_either(hour, before.cache_creation_1h_input_tokens),
        )


class _Message(Struct, frozen=True):
    model: str = ""
    usage: _AnthropicUsage | None = None


class _AnthropicTold(Struct, frozen=True):
    """`message_start`, `message_delta`, or a whole message."""

    type: str = ""
    model: str = ""
    usage: _AnthropicUsage | None = None
    message: _Message | None = None

    def told_usage(self, before: Usage | None) -> Usage | None:
        told = self.message.usage if self.type == "message_start" and self.message else None
        if self.type in ("message", "message_delta"):
            told = self.usage
        return told.over(before or Usage()) if told else None

    def told_model(self) -> str:
        return self.message.model if self.type == "message_start" and self.message else self.model


class _InputDetails(Struct, frozen=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Struct, frozen=True):
    reasoning_tokens: int | None = None


class _OpenAIUsage(Struct, frozen=True):
    """Responses speaks of input and output, Chat of prompt and completion. Both are inclusive."""

    input_tokens: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    prompt_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None

    def exclusive(self) -> Usage:
        details = self.input_tokens_details or self.prompt_tokens_details or _InputDetails()
        read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
        output = self.output_tokens_details or self.completion_tokens_details or _OutputDetails()
        return Usage(
            input_tokens=max(_either(self.input_tokens, self.prompt_tokens or 0) - read - written, 0),
            output_tokens=_either(self.output_tokens, self.completion_tokens or 0),
            cache_creation_input_tokens=written,
            cache_read_input_tokens=read,
            thinking_tokens=output.reasoning_tokens or 0,
        )


class _Response(Struct, frozen=True):
    model: str = ""
    usage: _OpenAIUsage | None = None


class _OpenAITold(Struct, frozen=True):
    """An event of Responses, which holds the response; a chunk of Chat; or a whole answer of either."""

    model: str = ""
    usage: _OpenAIUsage | None = None
    response: _Response | None = None

    def told_usage(self, before: Usage | None) -> Usage | None:
        told = self.response.usage if self.response else self.usage
        return told.exclusive() if told else None

    def told_model(self) -> str:
        return self.response.model if self.response else self.model


class _Reader(Protocol):
    def decode(self, data: bytes, /) -> _Told: ...


_READERS: dict[AnswerKind, _Reader] = {
    "messages": msgspec.json.Decoder(_AnthropicTold),
    "responses": msgspec.json.Decoder(_OpenAITold),
    "chat": msgspec.json.Decoder(_OpenAITold),
}


class _Error(Struct, frozen=True):
    type: str = ""


class _ErrorEvent(Struct, frozen=True):
    error: _Error = _Error()


def _error_type(data: bytes) -> str:
    try:
        return msgspec.json.decode(data, type=_ErrorEvent).error.type or "unknown"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "unknown"


def _either(told: int | None, otherwise: int) -> int:
    return otherwise if told is None else max(told, 0)
