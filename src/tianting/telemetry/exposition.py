"""Lets Prometheus fetch the figures: `GET /metrics` on a Unix socket or on a port of this machine.

By hand: the library's own server is a thread that knows no Unix sockets, and a web framework is more than one answer
needs. Format: text exposition 0.0.4 of Prometheus.
"""

import logging
import os
from pathlib import Path

import anyio
import anyio.abc
import anyio.to_thread
from anyio.streams.buffered import BufferedByteReceiveStream
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

log = logging.getLogger(__name__)

_PATIENCE = 5.0
"""Seconds for the whole of one request."""
_MAX_HEAD = 16_384
_MAX_CONNECTIONS = 16
_PLAIN = "text/plain; charset=utf-8"


async def listen(place: Path | int) -> anyio.abc.Listener[anyio.abc.SocketStream]:
    """A listener for `serve_metrics`: on a Unix socket that its owner alone may open, or on a port of 127.0.0.1.

    A socket that a dead process left is replaced. Raises `OSError`.
    """
    if isinstance(place, int):
        return await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=place)
    before = os.umask(0o177)  # the socket must not be open to others for a moment, either
    try:
        return await anyio.create_unix_listener(place, mode=0o600)
    finally:
        os.umask(before)


async def serve_metrics(listener: anyio.abc.Listener[anyio.abc.SocketStream], registry: CollectorRegistry) -> None:
    """Answer until cancelled; then `listener` is closed."""
    room = anyio.Semaphore(_MAX_CONNECTIONS)

    async def answer(client: anyio.abc.SocketStream) -> None:
        async with room, client:
            try:
                with anyio.move_on_after(_PATIENCE):
                    await client.send(await _answer(BufferedByteReceiveStream(client), registry))
            except (
                anyio.BrokenResourceError,
                anyio.EndOfStream,
                anyio.IncompleteRead,
                anyio.DelimiterNotFound,
            ) as error:
                log.debug("a reader of the metrics left: %r", error)

    async with listener:
        await listener.serve(answer)


async def _answer(request: BufferedByteReceiveStream, registry: CollectorRegistry) -> bytes:
    head = await request.receive_until(b"\r\n\r\n", _MAX_HEAD)
    method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    if method not in (b"GET", b"HEAD"):
        return _response("405 Method Not Allowed", _PLAIN, b"Use GET.\n")
    if rest.partition(b" ")[0].partition(b"?")[0] != b"/metrics":
        return _response("404 Not Found", _PLAIN, b"The figures are at /metrics.\n")
    # In a thread: with hundreds of windows the text takes longer than others should wait for the event loop.
    body = await anyio.to_thread.run_sync(generate_latest, registry)
    return _response("200 OK", CONTENT_TYPE_LATEST, body, with_body=method == b"GET")


def _response(status: str, kind: str, body: bytes, *, with_body: bool = True) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + (body if with_body else b"")
