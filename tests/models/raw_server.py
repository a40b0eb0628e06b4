"""A server that does to its client what a test wrote down, byte for byte: for faults no HTTP library would commit."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute, SocketStream

STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"

Handler = Callable[[SocketStream], Awaitable[None]]


class RawServer:
    """Answers request n with step n, also on one connection; `requests` holds each request's head and body."""

    def __init__(self, steps: list[Handler]) -> None:
        self.steps = steps
        self.url = ""
        self.requests: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self.gone = anyio.Event()
        """A client has closed its connection."""

    async def handle(self, stream: SocketStream) -> None:
        self.connections += 1
        async with stream:
            try:
                while True:
                    self.requests.append(await _read_request(stream))
                    await self.steps.pop(0)(stream)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                self.gone.set()


@asynccontextmanager
async def serve_raw(*steps: Handler) -> AsyncIterator[RawServer]:
    """Listen on the loopback until the block ends."""
    server = RawServer(list(steps))
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server.handle)
        try:
            yield server
        finally:
            tasks.cancel_scope.cancel()


def sends(*pieces: bytes) -> Handler:
    """Send `pieces` one by one, and take the next request."""

    async def handler(stream: SocketStream) -> None:
        for piece in pieces:
            await stream.send(piece)

    return handler


def sends_and_closes(*pieces: bytes) -> Handler:
    """Send `pieces` and hang up."""

    async def handler(stream: SocketStream) -> None:
        await sends(*pieces)(stream)
        await stream.aclose()

    return handler


def sends_and_waits(*pieces: bytes) -> Handler:
    """Send `pieces`, then nothing, until the client hangs up."""

    async def handler(stream: SocketStream) -> None:
        await sends(*pieces)(stream)
        await stream.receive()

    return handler


def keeps_sending(head: bytes, piece: bytes, pause: float) -> Handler:
    """Send `head`, then `piece` again and again."""

    async def handler(stream: SocketStream) -> None:
        await stream.send(head)
        while True:
            await stream.send(piece)
            await anyio.sleep(pause)

    return handler


def answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer: `answer("429 Too Many Requests", b"...", retry_after="3")`."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *lines])
    return head.encode() + b"\r\n\r\n" + body


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _read_request(stream: SocketStream) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += await stream.receive()
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += await stream.receive()
    return head, body
