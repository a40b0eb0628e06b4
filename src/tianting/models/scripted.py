"""A model that says what was written down: agents, hooks and skills are tried without a provider, and replayed exactly.

A `Script` is data. It is read from a file (`script_file`) or built in a test (`says`, `calls`), and played in memory
(`ScriptedModel`) or over HTTP (`tianting.testing.model_server`).
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Annotated, Any

import anyio
import msgspec
from msgspec import Meta, Struct, structs

from tianting.models.scripted_faults import BEFORE_STREAM, Fault, failure
from tianting.protocol.content import AssistantBlock, Text, Thinking, ToolResult, ToolUse, text_of
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
from tianting.protocol.errors import RequestRejected
from tianting.protocol.messages import AssistantMessage, Message, Origin, StopReason, UserMessage
from tianting.protocol.requests import ModelRequest
from tianting.protocol.usage import Usage

SIGNATURE = "scripted"
"""Under all scripted thinking: unsigned thinking would not be kept."""


class Call(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One tool call of a reply."""

    tool: str
    input: dict[str, Any] = {}
    id: str = ""
    """Left out, it is made of the answer's serial and the call's position: `call_1_1`."""
    raw: str = ""
    """The arguments as text, for a call whose arguments are no JSON; `input` then counts for nothing."""


class Reply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One answer, and how it arrives."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    times: Annotated[int, Meta(ge=1, le=100_000)] = 1
    """How many requests in a row get it."""
    when: str = ""
    """A regular expression to be found in what was said since the last answer; otherwise the request is rejected."""
    fault: Fault | None = None
    """It takes up its request; the next request gets the next reply."""
    delay: Annotated[float, Meta(ge=0)] = 0
    """Seconds before the first byte."""
    chunk: Annotated[int, Meta(ge=1)] = 20
    """Characters in a delta."""
    pause: Annotated[float, Meta(ge=0)] = 0
    """Seconds before each delta, or over HTTP before each event."""
    usage: Usage | None = None
    """Left out, it is nothing in memory and estimated from the lengths over HTTP."""
    stop_reason: StopReason | None = None
    """Left out, `tool_use` or `end_turn`."""

    @property
    def answers(self) -> bool:
        """Whether the request gets a whole answer."""
        return self.fault is None or self.fault.answers

    def __post_init__(self) -> None:
        try:
            re.compile(self.when)
        except re.error as error:  # a decoder turns ValueError into its own error, and knows the place
            raise ValueError(f"`when` is no regular expression: {error}") from error


class Script(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything a model will say, in order."""

    replies: tuple[Reply, ...]
    repeat_last: bool = False
    """Whether the last reply goes on for ever; otherwise a further request is rejected."""
    title: str = ""
    """What the script shows, for people."""

    def unrolled(self) -> list[Reply]:
        """The replies with `times` written out."""
        return [reply for reply in self.replies for _ in range(reply.times)]


def says(text: str = "", /, *tool_calls: Call, thinking: str = "", fault: Fault | None = None, times: int = 1) -> Reply:
    """Build a reply the way a test reads: `says("Looking.", calls("Read", file_path="a.py"))`."""
    return Reply(text=text, calls=tool_calls, thinking=thinking, fault=fault, times=times)


def calls(tool: str, /, *, call_id: str = "", **arguments: Any) -> Call:
    """Build one call."""
    return Call(tool=tool, input=arguments, id=call_id)


class ScriptedModel:
    """Plays replies in the order of the requests, whatever they say, and remembers each request.

    Sub-agents and compaction that share the model therefore take their replies in turn.
    The server, which serves many agents at once, goes by each conversation's length instead.
    """

    def __init__(self, *replies: Reply, repeat_last: bool = False) -> None:
        self._replies = Script(replies=replies).unrolled()
        self._repeat_last = repeat_last
        self._answers_before = 0
        self.seen: list[ModelRequest] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer with the next reply. Raises `RequestRejected` when there is none, or its `when` is not met."""
        reply = self._take(request)
        await anyio.sleep(reply.delay)
        message = answer(reply, serial=str(self._answers_before + len(self.seen)), model=request.model)
        for delta in _until_fault(reply, message):
            if reply.pause:
                await anyio.sleep(reply.pause)
            yield delta
        if reply.fault is not None:
            await _break_off(reply.fault)

    async def count_tokens(self, request: ModelRequest) -> int:
        """Estimate: a token is about four bytes."""
        return len(msgspec.json.encode(request)) // 4

    async def aclose(self) -> None:
        """There is nothing to let go of."""

    def _take(self, request: ModelRequest) -> Reply:
        if not self.seen:  # a resumed conversation holds answers of another run, whose ids must not come again
            self._answers_before = sum(isinstance(message, AssistantMessage) for message in request.messages)
        index = len(self.seen)
        self.seen.append(request)
        return choose(self._replies, index, newest_words(request.messages), repeat_last=self._repeat_last)


def choose(replies: Sequence[Reply], index: int, said: str, *, repeat_last: bool) -> Reply:
    """The reply at `index`, from 0, for a request that ends with the words `said`. Raises `RequestRejected`."""
    if repeat_last and replies:
        index = min(index, len(replies) - 1)
    if index >= len(replies):
        raise RequestRejected(f"The script has no reply {index + 1}; the request ends with: {_clip(said)}")
    reply = replies[index]
    if not re.search(reply.when, said):
        raise RequestRejected(
            f"Reply {index + 1} of the script waits for {reply.when!r}; the request ends with: {_clip(said)}"
        )
    return reply


def newest_words(messages: Sequence[Message]) -> str:
    """All that was said to the model since its last answer: prompts, tool results, notes."""
    words: list[str] = []
    for message in reversed(messages):
        if isinstance(message, AssistantMessage):
            break
        words.append(_words(message))
    return "\n".join(reversed(words))


def _words(message: UserMessage) -> str:
    parts = [_result_words(block) for block in message.content if isinstance(block, ToolResult)]
    return "\n".join([*parts, text_of(message.content)])


def _result_words(result: ToolResult) -> str:
    return result.content if isinstance(result.content, str) else text_of(result.content)


def answer(reply: Reply, *, serial: str, model: str) -> AssistantMessage:
    """The whole message a reply amounts to. `serial` makes its ids and must not come again in its conversation."""
    return AssistantMessage(
        id=f"msg_{serial}",
        model=model,
        content=tuple(_blocks(reply, serial)),
        stop_reason=reply.stop_reason or ("tool_use" if reply.calls else "end_turn"),
        usage=reply.usage or Usage(),
        origin=Origin(dialect="scripted", base_url="", model=model),
    )


def _blocks(reply: Reply, serial: str) -> Iterator[AssistantBlock]:
    if reply.thinking:
        yield Thinking(thinking=reply.thinking, signature=SIGNATURE)
    if reply.text:
        yield Text(text=reply.text)
    for position, call in enumerate(reply.calls, start=1):
        call_id = call.id or f"call_{serial}_{position}"
        yield ToolUse(id=call_id, name=call.tool, input={} if call.raw else call.input, unparsed=call.raw)


def _until_fault(reply: Reply, message: AssistantMessage) -> list[Delta]:
    """The deltas that get out: all, half of them, or none."""
    fault = reply.fault
    if fault is not None and fault.kind in BEFORE_STREAM:
        return []
    deltas = list(_deltas(message, 1 if fault is not None and fault.answers else reply.chunk))
    return deltas if reply.answers else deltas[: len(deltas) // 2]


def _deltas(message: AssistantMessage, chunk: int) -> Iterator[Delta]:
    prompt = structs.replace(message.usage, output_tokens=0, thinking_tokens=0)
    yield MessageStarted(message_id=message.id, model=message.model, usage=prompt)
    for index, block in enumerate(message.content):
        yield from _block_deltas(index, block, chunk)
    yield MessageFinished(message=message)


def _block_deltas(index: int, block: AssistantBlock, chunk: int) -> Iterator[Delta]:
    match block:
        case Text(text=text):
            yield BlockStarted(index=index, block=Text(text=""))
            yield from (TextDelta(index=index, text=piece) for piece in pieces(text, chunk))
        case Thinking(thinking=thinking):
            yield BlockStarted(index=index, block=Thinking(thinking=""))
            yield from (ThinkingDelta(index=index, thinking=piece) for piece in pieces(thinking, chunk))
        case ToolUse(id=call_id, name=name):
            yield BlockStarted(index=index, block=ToolUse(id=call_id, name=name, input={}))
            yield from (ArgumentsDelta(index=index, json=piece) for piece in pieces(arguments(block), chunk))
    yield BlockFinished(index=index, block=block)


async def _break_off(fault: Fault) -> None:
    if fault.kind.startswith("hang"):
        await anyio.sleep_forever()  # until the caller's own watch over silence cancels it
    if not fault.answers:
        raise failure(fault)


def arguments(call: ToolUse) -> str:
    """The arguments of a call as they travel."""
    return call.unparsed or msgspec.json.encode(call.input).decode()


def pieces(text: str, chunk: int) -> Iterator[str]:
    """Cut `text` into deltas of `chunk` characters."""
    return (text[start : start + chunk] for start in range(0, len(text), chunk))


def _clip(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:150]} [...] {text[-150:]}"
