"""One reply on its way out: at its pace, in its dialect, and up to its fault."""

import zlib
from collections.abc import Iterator, Mapping

import anyio
from msgspec import structs

from tianting.models.scripted import Reply, answer, arguments
from tianting.models.scripted_faults import WEB_PAGE, Fault
from tianting.protocol.content import Text, Thinking, ToolUse
from tianting.protocol.messages import AssistantMessage
from tianting.protocol.usage import Usage
from tianting.testing.dialects.dialect import Asked, Dialect
from tianting.testing.http_connection import HttpConnection

_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_WHOLE_PIECE = 64  # bytes of an answer that is no stream; faults cut between them


class Performance:
    """One reply on its way out."""

    def __init__(self, connection: HttpConnection, dialect: Dialect, reply: Reply, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._dialect = dialect
        self._reply = reply
        self._headers = headers

    async def play(self, asked: Asked, body: bytes) -> bool:
        """Send the reply, up to its fault. Whether it went out whole."""
        await anyio.sleep(self._reply.delay)
        fault = self._reply.fault
        match fault.kind if fault is not None else None:
            case "hang_before_headers":
                await self._connection.wait_for_hangup()
                return False
            case "status" | "garbage_html" if fault is not None:
                await self._refuse(fault)
                return True
            case _:
                return await self._stream(list(self._frames(asked, body)), asked)

    async def _refuse(self, fault: Fault) -> None:
        headers = {**_JSON, **self._headers}
        if fault.retry_after is not None:
            headers["retry-after"] = f"{fault.retry_after:g}"
        body = self._dialect.error(fault.http_status, fault.error_name, fault.words)
        if fault.kind == "garbage_html":
            headers, body = {"content-type": "text/html"}, WEB_PAGE
        await self._connection.respond(fault.http_status, body, headers)

    def _frames(self, asked: Asked, body: bytes) -> Iterator[bytes]:
        message = _message(self._reply, asked, body)
        if asked.stream:
            return self._dialect.frames(asked, message, self._reply.chunk)
        whole = self._dialect.whole(asked, message)
        return (whole[start : start + _WHOLE_PIECE] for start in range(0, len(whole), _WHOLE_PIECE))

    async def _stream(self, frames: list[bytes], asked: Asked) -> bool:
        await self._connection.begin({**(_EVENTS if asked.stream else _JSON), **self._headers})
        # a failure must come before the event that ends the answer, which is the last but one or two
        whole = frames if self._reply.answers else frames[: max(1, (len(frames) - 1) // 2)]
        for frame in whole:
            if self._reply.pause:
                await anyio.sleep(self._reply.pause)
            await self._send(frame)
        if self._reply.fault is not None and not self._reply.answers:
            return await self._break_off(self._reply.fault, frames, len(whole))
        await self._connection.end()
        return True

    async def _send(self, frame: bytes) -> None:
        if self._reply.fault is None or self._reply.fault.kind != "drip":
            await self._connection.send(frame)
            return
        for byte in frame:
            await self._connection.send(bytes((byte,)))

    async def _break_off(self, fault: Fault, frames: list[bytes], place: int) -> bool:
        match fault.kind:
            case "hang_mid_stream":
                await self._connection.wait_for_hangup()
            case "disconnect":
                self._connection.reusable = False
            case "malformed":
                await self._connection.send(frames[min(place, len(frames) - 1)].rstrip()[:-2] + b"\n\n")
                await self._connection.end()
            case "stream_error":
                await self._connection.send(self._dialect.error_frame(fault.error_name, fault.words, place=place))
                await self._connection.end()
            case "truncate":
                await self._connection.end()
            case "status" | "garbage_html" | "hang_before_headers" | "drip":
                raise AssertionError(f"{fault.kind} does not break off a stream")
        return False


def _message(reply: Reply, asked: Asked, body: bytes) -> AssistantMessage:
    """The answer. Its ids follow from the request: a repeated one gets the same, a grown history never does."""
    message = answer(reply, serial=f"{zlib.crc32(body):08x}", model=asked.model)
    return message if reply.usage is not None else structs.replace(message, usage=_estimated_usage(message, body))


def _estimated_usage(message: AssistantMessage, body: bytes) -> Usage:
    thinking = "".join(block.thinking for block in message.content if isinstance(block, Thinking))
    texts = [block.text for block in message.content if isinstance(block, Text)]
    calls = [arguments(block) for block in message.content if isinstance(block, ToolUse)]
    thought, written = estimate_tokens(thinking.encode()), estimate_tokens("".join([*texts, *calls]).encode())
    return Usage(input_tokens=estimate_tokens(body), output_tokens=thought + written, thinking_tokens=thought)


def estimate_tokens(data: bytes) -> int:
    """A token is about four bytes."""
    return (len(data) + 3) // 4
