"""Reads the event stream of the Messages API and puts the answer together.

    message_start (content_block_start content_block_delta* content_block_stop)* message_delta+ message_stop

Pings, unknown events and unknown deltas are passed over; an unknown block is kept as it came. Text is the hot path:
one typed decoding a delta, and no dictionary.
"""

from typing import Any, cast, get_args

import msgspec

from tianting.models.anthropic import events as wire
from tianting.models.arguments import read_arguments
from tianting.models.http.failures import from_stream_error
from tianting.plumbing.event_stream import ServerSentEvent
from tianting.protocol.content import (
    AssistantBlock,
    Opaque,
    RedactedThinking,
    Text,
    Thinking,
    ToolUse,
    decode_block,
)
from tianting.protocol.deltas import (
    ArgumentsDelta,
    BlockFinished,
    BlockStarted,
    Delta,
    MessageFinished,
    MessageStarted,
    TextDelta,
    ThinkingDelta,
)
from tianting.protocol.errors import ModelUnavailable
from tianting.protocol.messages import AssistantMessage, Origin, StopReason
from tianting.protocol.usage import Usage

_STOP_REASONS: frozenset[str] = frozenset(get_args(StopReason))


class AnswerReader:
    """Takes the events of one answer in order. `origin` is stamped on the message."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._id = ""
        self._model = origin.model
        self._usage = Usage()
        self._stop_reason: str | None = None
        self._open: dict[int, _OpenBlock] = {}
        self._finished_blocks: dict[int, AssistantBlock] = {}
        self.finished = False
        """Whether the answer is whole: an end without it is a broken stream."""

    def read(self, event: ServerSentEvent) -> list[Delta]:
        """What `event` adds.

        Raises `ModelUnavailable` when it cannot be read, and whatever `ModelError` the provider reports in it.
        """
        try:
            if event.event == "content_block_delta":
                return self._read_block_delta(event.data)
            return self._read_rarer(event)
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
            line = f"The provider's stream is broken at {event.event!r}: {error}"
            raise ModelUnavailable(line, cause="broken_stream") from error

    def _read_block_delta(self, data: bytes) -> list[Delta]:
        told = wire.decode_block_delta(data)
        block = self._open[told.index]
        delta = told.delta
        match delta.type:
            case "text_delta":
                block.pieces.append(delta.text)
                return [TextDelta(index=told.index, text=delta.text)]
            case "thinking_delta":
                block.pieces.append(delta.thinking)
                return [ThinkingDelta(index=told.index, thinking=delta.thinking)]
            case "input_json_delta":
                block.pieces.append(delta.partial_json)
                return [ArgumentsDelta(index=told.index, json=delta.partial_json)]
            case "signature_delta":
                block.signature = delta.signature
        return []

    def _read_rarer(self, event: ServerSentEvent) -> list[Delta]:
        match event.event:
            case "message_start":
                return self._read_start(wire.decode_start(event.data).message)
            case "content_block_start":
                return self._read_block_start(wire.decode_block_start(event.data))
            case "content_block_stop":
                return [self._finish_block(wire.decode_block_stop(event.data).index)]
            case "message_delta":
                self._read_message_delta(wire.decode_message_delta(event.data))
            case "message_stop":
                return self._finish()
            case "error":
                error = wire.decode_error(event.data).error
                raise from_stream_error(error.type, error.message)
            case "message":  # an imitator that names its events only in their data
                named = wire.decode_type(event.data).type
                if named not in ("", "message"):
                    return self.read(ServerSentEvent(event=named, data=event.data))
        return []

    def _read_start(self, message: wire.Message) -> list[Delta]:
        self._id = message.id
        self._model = message.model or self._model
        self._usage = _updated(self._usage, message.usage)
        return [MessageStarted(message_id=self._id, model=self._model, usage=self._usage)]

    def _read_block_start(self, told: wire.BlockStart) -> list[Delta]:
        block = self._open[told.index] = _OpenBlock(told.content_block)
        deltas: list[Delta] = [BlockStarted(index=told.index, block=block.finished())]
        match told.content_block:  # an imitator may begin with the first words
            case {"type": "text", "text": str(text)} if text:
                block.pieces.append(text)
                deltas.append(TextDelta(index=told.index, text=text))
            case {"type": "thinking", "thinking": str(thinking)} if thinking:
                block.pieces.append(thinking)
                deltas.append(ThinkingDelta(index=told.index, thinking=thinking))
        return deltas

    def _finish_block(self, index: int) -> BlockFinished:
        block = self._finished_blocks[index] = self._open.pop(index).finished()
        return BlockFinished(index=index, block=block)

    def _read_message_delta(self, told: wire.MessageDelta) -> None:
        self._stop_reason = told.delta.stop_reason or self._stop_reason
        self._usage = _updated(self._usage, told.usage)

    def _finish(self) -> list[Delta]:
        deltas: list[Delta] = [self._finish_block(index) for index in list(self._open)]
        self.finished = True
        content = tuple(block for _, block in sorted(self._finished_blocks.items()))
        message = AssistantMessage(
            id=self._id,
            model=self._model,
            content=content,
            stop_reason=_known_stop_reason(self._stop_reason, content),
            usage=self._usage,
            origin=self._origin,
        )
        return [*deltas, MessageFinished(message=message)]


class _OpenBlock:
    """A block that is still arriving."""

    def __init__(self, raw: dict[str, Any]) -> None:
        if raw.get("type") == "tool_use":
            raw = {**raw, "input": raw.get("input") or {}}
        self._first = decode_block(raw)
        self._raw = raw
        self.pieces: list[str] = []
        self.signature = self._first.signature if isinstance(self._first, Thinking) else ""

    def finished(self) -> AssistantBlock:
        """The block with all that has come so far."""
        whole = "".join(self.pieces)
        match self._first:
            case Text():
                return Text(text=whole)
            case Thinking():
                return Thinking(thinking=whole, signature=self.signature)
            case ToolUse():
                return _call(self._first, whole)
            case RedactedThinking():
                return self._first
            case _:  # `server_tool_use` and what is yet to be invented
                return Opaque(raw={**self._raw, "input": read_arguments(whole)[0]} if whole else self._raw)


def _call(first: ToolUse, text: str) -> ToolUse:
    if not text:
        return first
    arguments, unparsed = read_arguments(text)
    return ToolUse(id=first.id, name=first.name, input=arguments, unparsed=unparsed)


def _updated(usage: Usage, told: wire.Counts | None) -> Usage:
    """Later numbers replace earlier ones: they are totals."""
    if told is None:
        return usage
    cached, output = told.cache_creation, told.output_tokens_details
    changes = {
        "input_tokens": told.input_tokens,
        "output_tokens": told.output_tokens,
        "cache_creation_input_tokens": told.cache_creation_input_tokens,
        "cache_read_input_tokens": told.cache_read_input_tokens,
        "cache_creation_1h_input_tokens": cached.ephemeral_1h_input_tokens if cached else None,
        "thinking_tokens": output.thinking_tokens if output else None,
    }
    return msgspec.structs.replace(usage, **{name: count for name, count in changes.items() if count is not None})


def _known_stop_reason(told: str | None, content: tuple[AssistantBlock, ...]) -> StopReason:
    """What a reason we do not know, or none, amounts to."""
    if told in _STOP_REASONS:
        return cast("StopReason", told)
    return "tool_use" if any(isinstance(block, ToolUse) for block in content) else "end_turn"
