"""A server on the loopback that gives prepared answers and remembers what it was asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import msgspec
from anyio.abc import SocketAttribute, SocketStream
from msgspec import Struct


class Answer(Struct, frozen=True, kw_only=True):
    """What one request gets."""

    body: bytes
    status: int = 200
    content_type: str = "text/event-stream"
    stays_open: bool = False
    """The connection ends only when the client closes it."""


class Server(Struct, kw_only=True):
    """A running server."""

    url: str
    requests: list[tuple[str, Any]] = []
    """Path and decoded body of each request."""


@asynccontextmanager
async def serve(*answers: Answer) -> AsyncIterator[Server]:
    """Give `answers` in order, one to a connection."""
    remaining = list(answers)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    server = Server(url=f"http://127.0.0.1:{port}")

    async def handle(stream: SocketStream) -> None:
        async with stream:
            server.requests.append(await _read_request(stream))
            answer = remaining.pop(0)
            head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: {answer.content_type}\r\nConnection: close\r\n\r\n"
            await stream.send(head.encode() + answer.body)
            if answer.stays_open:
                with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                    await stream.receive()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        try:
            yield server
        finally:
            tasks.cancel_scope.cancel()
    await listener.aclose()


def sse(*events: Any) -> bytes:
    """The bytes of a stream: objects as Responses and Chat send them, texts as they are."""
    return b"".join(_event(event) for event in events)


def _event(event: Any) -> bytes:
    if isinstance(event, str):
        return event.encode()
    name = f"event: {event['type']}\n".encode() if isinstance(event, dict) and "type" in event else b""
    return name + b"data: " + msgspec.json.encode(event) + b"\n\n"


async def _read_request(stream: SocketStream) -> tuple[str, Any]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += await stream.receive()
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += await stream.receive()
    return head.split(b" ")[1].decode(), msgspec.json.decode(body)
