"""From the chunks of a Chat Completions stream to deltas, whoever sends them.

    chunk -> reasoning -> content (-> <think>) -> calls     ...     end -> calls written as text -> message

A stream is whole when a finish reason or `[DONE]` came. Reasoning and text are finished when something else begins,
calls at the end, because their pieces may be mixed.
"""

from typing import Any

import msgspec
from msgspec import Struct

from tianting.models.chat.calls import ArrivingCall, CallCollector
from tianting.models.chat.chunks import CallPart, ChatUsage, Choice, ChoiceDelta, Chunk, read_chunk
from tianting.models.chat.inline_thinking import Said, ThinkSplitter
from tianting.models.chat.reasoning_details import join_details
from tianting.models.chat.text_calls import find_calls
from tianting.models.http.error_bodies import read_error_body
from tianting.models.http.failures import from_stream_error
from tianting.models.provider_profiles import Profile
from tianting.protocol.content import AssistantBlock, Text, Thinking, ToolUse
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
from tianting.protocol.errors import ModelError, ModelUnavailable
from tianting.protocol.ids import NewId
from tianting.protocol.messages import AssistantMessage, Origin, StopReason
from tianting.protocol.requests import ModelRequest

_DONE = b"[DONE]"
_STOPS: dict[str, StopReason] = {
    "stop": "end_turn",
    "end": "end_turn",
    "eos": "end_turn",
    "end_turn": "end_turn",
    "tool_calls": "end_turn",
    "function_call": "end_turn",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "model_length": "max_tokens",
    "content_filter": "refusal",
    "model_context_window_exceeded": "model_context_window_exceeded",
}
"""Whether tools are due is told by the calls: imitators say `stop` beside calls, and `tool_calls` without any."""


class _OpenBlock(Struct, kw_only=True):
    """The reasoning or text that is arriving."""

    index: int
    thinking: bool
    pieces: list[str] = []
    details: list[dict[str, Any]] = []

    def block(self) -> AssistantBlock:
        """The block it is now."""
        text = "".join(self.pieces)
        if not self.thinking:
            return Text(text=text)
        signature = msgspec.json.encode(join_details(self.details)).decode() if self.details else ""
        return Thinking(thinking=text, signature=signature)


class ChatAssembly:
    """Puts the answer to `request` together."""

    def __init__(self, request: ModelRequest, origin: Origin, profile: Profile, new_id: NewId) -> None:
        self._origin = origin
        self._new_id = new_id
        self._known_tools = frozenset(tool.name for tool in request.tools) if profile.text_calls else frozenset()
        self._answers = [message for message in request.messages if isinstance(message, AssistantMessage)]
        self._calls = CallCollector({call.id for answer in self._answers for call in answer.calls}, new_id)
        self._splitter = ThinkSplitter() if profile.inline_thinking else None
        self._finished: dict[int, AssistantBlock] = {}
        self._open: _OpenBlock | None = None
        self._next_index = 0
        self._message_id = ""
        self._model = origin.model
        self._usage = ChatUsage()
        self._finish_reason: str | None = None
        self._refused = False
        self.ended = False
        """`[DONE]` came: nothing follows."""

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas of one event. Raises the `ModelError` it tells of, or that it cannot be read."""
        if data.strip() == _DONE:
            self.ended = True
            return []
        try:
            chunk = read_chunk(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _broken(f"sent an event that cannot be read ({error})") from error
        if chunk.failed:
            raise _error_in(data)
        return [*self._start(chunk), *self._read(chunk)]

    def finish(self) -> list[Delta]:
        """The stream is over. Raises `ModelUnavailable` when it was cut off."""
        if not self._message_id or (self._finish_reason is None and not self.ended):
            raise _broken("closed the connection in the middle of an answer")
        deltas = [*self._flush(), *self._finish_text(), *self._finish_calls()]
        message = AssistantMessage(
            id=self._message_id,
            model=self._model,
            content=tuple(self._finished[index] for index in sorted(self._finished)),
            stop_reason=self._stop_reason(),
            usage=self._usage.exclusive(),
            origin=self._origin,
        )
        return [*deltas, MessageFinished(message=message)]

    def _start(self, chunk: Chunk) -> list[Delta]:
        if self._message_id:
            return []
        taken = {answer.id for answer in self._answers}  # some servers have few ids, or one
        self._message_id = chunk.id if chunk.id and chunk.id not in taken else f"chatcmpl-{self._new_id()}"
        self._model = chunk.model or self._model
        return [MessageStarted(message_id=self._message_id, model=self._model)]

    def _read(self, chunk: Chunk) -> list[Delta]:
        self._usage = chunk.counted or self._usage
        return [delta for choice in chunk.choices or () for delta in self._read_choice(choice)]

    def _read_choice(self, choice: Choice) -> list[Delta]:
        self._finish_reason = choice.finish_reason or self._finish_reason
        part = choice.delta or choice.message
        return [] if part is None else [*self._think(part), *self._speak(part), *self._call(part)]

    def _think(self, part: ChoiceDelta) -> list[Delta]:
        if not part.thoughts and not part.reasoning_details:
            return []
        deltas, block = self._block(thinking=True)
        block.pieces.append(part.thoughts)
        block.details += part.reasoning_details or ()
        return [*deltas, *_shown(block, part.thoughts)]

    def _speak(self, part: ChoiceDelta) -> list[Delta]:
        deltas: list[Delta] = []
        for thinking, text in part.words():
            if thinking or self._splitter is None:
                deltas += self._say("thinking" if thinking else "text", text)
            else:
                deltas += self._say_split(self._splitter.feed(text))
        if part.refusal:
            self._refused = True
            deltas += self._say("text", part.refusal)
        return deltas

    def _say_split(self, pieces: list[Said]) -> list[Delta]:
        return [delta for kind, text in pieces for delta in self._say(kind, text)]

    def _say(self, kind: str, text: str) -> list[Delta]:
        if kind == "was_thinking":
            if self._open is not None:
                self._open.thinking = True
            return self._close()
        if not text:
            return []
        deltas, block = self._block(thinking=kind == "thinking")
        block.pieces.append(text)
        return [*deltas, *_shown(block, text)]

    def _call(self, part: ChoiceDelta) -> list[Delta]:
        return [delta for piece in part.tool_calls or () for delta in self._call_piece(piece)]

    def _call_piece(self, piece: CallPart) -> list[Delta]:
        call = self._calls.add(piece)
        if call.block_index is not None:
            return [ArgumentsDelta(index=call.block_index, json=piece.arguments)] if piece.arguments else []
        return [*self._flush(), *self._close(), *self._show(call)] if call.name else []

    def _show(self, call: ArrivingCall) -> list[Delta]:
        call.block_index = self._take_index()
        started = BlockStarted(index=call.block_index, block=ToolUse(id=call.id, name=call.name, input={}))
        return [started, ArgumentsDelta(index=call.block_index, json=call.arguments)] if call.arguments else [started]

    def _block(self, *, thinking: bool) -> tuple[list[Delta], _OpenBlock]:
        """The open block of that kind. Another one is closed for it."""
        if self._open is not None and self._open.thinking == thinking:
            return [], self._open
        closed = self._close()
        self._open = _OpenBlock(index=self._take_index(), thinking=thinking)
        empty: AssistantBlock = Thinking(thinking="") if thinking else Text(text="")
        return [*closed, BlockStarted(index=self._open.index, block=empty)], self._open

    def _take_index(self) -> int:
        self._next_index += 1
        return self._next_index - 1

    def _close(self) -> list[Delta]:
        block, self._open = self._open, None
        return [] if block is None else [self._finished_block(block.index, block.block())]

    def _finished_block(self, index: int, block: AssistantBlock) -> BlockFinished:
        self._finished[index] = block
        return BlockFinished(index=index, block=block)

    def _flush(self) -> list[Delta]:
        return [] if self._splitter is None else self._say_split(self._splitter.flush())

    def _finish_text(self) -> list[Delta]:
        """Close what is open. Calls in its text become calls, where no others came."""
        block = self._open
        if block is None or block.thinking or self._calls.calls or not self._known_tools:
            return self._close()
        text, written = find_calls("".join(block.pieces), self._known_tools)
        block.pieces = [text]
        deltas = self._close()
        for call in written:
            self._calls.add_written(call.name, msgspec.json.encode(call.arguments).decode())
        return deltas

    def _finish_calls(self) -> list[Delta]:
        deltas: list[Delta] = []
        for call in self._calls.calls:
            deltas += self._show(call) if call.block_index is None else []
            assert call.block_index is not None
            deltas.append(self._finished_block(call.block_index, call.block()))
        return deltas

    def _stop_reason(self) -> StopReason:
        stop = _STOPS.get((self._finish_reason or "stop").lower())
        if stop is None:
            raise ModelUnavailable(f"The provider gave up with {self._finish_reason!r}.", cause="server_error")
        calls = [block for block in self._finished.values() if isinstance(block, ToolUse)]
        if calls and (stop == "end_turn" or (stop == "max_tokens" and not any(call.unparsed for call in calls))):
            return "tool_use"
        return "refusal" if self._refused and stop == "end_turn" else stop


def _shown(block: _OpenBlock, text: str) -> list[Delta]:
    if not text:
        return []
    if block.thinking:
        return [ThinkingDelta(index=block.index, thinking=text)]
    return [TextDelta(index=block.index, text=text)]


def _error_in(data: bytes) -> ModelError:
    told = read_error_body(data)
    return from_stream_error(told.code or told.type, told.message)


def _broken(what: str) -> ModelUnavailable:
    return ModelUnavailable(f"The provider {what}.", cause="broken_stream")
