"""The server's side of one HTTP/1.1 connection (RFC 9112), by hand: no real server can be told to answer badly."""

import time
from collections.abc import Callable, Mapping

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream
from msgspec import Struct

_LONGEST_HEAD = 65_536  # bytes
_LONGEST_BODY = 32 * 1024 * 1024  # bytes: what the real APIs take

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 413: "Content Too Large"}


class Incoming(Struct, frozen=True, kw_only=True):
    """One request as it came."""

    method: str
    path: str
    """Without the query."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    arrived_ns: int
    """When its first byte was read, on the clock that was given."""


class Malformed(Exception):
    """It is no HTTP, or more of it than the server takes. The connection cannot be used further."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class HttpConnection:
    """Requests in, answers out, one after the other."""

    def __init__(
        self, stream: ByteStream, *, chunked: bool = True, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._stream = stream
        self._buffer = BufferedByteReceiveStream(stream)
        self._may_chunk = chunked
        self._now_ns = now_ns
        self._chunked = False
        self.reusable = True
        """Whether another request may follow."""

    async def receive(self) -> Incoming | None:
        """The next request; None when the client has hung up.

        Raises `Malformed`, and what anyio raises when a stream breaks.
        """
        try:
            first = await self._buffer.receive_exactly(1)
        except anyio.IncompleteRead:
            return None
        arrived_ns = self._now_ns()
        head = first + await self._until(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, version = _request_line(line)
        headers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self.reusable = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        self._chunked = self._may_chunk and version == "HTTP/1.1"
        if headers.get("expect", "").lower() == "100-continue":
            await self._stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self._body(headers)
        path = target.partition("?")[0]
        return Incoming(method=method, path=path, headers=headers, body=body, arrived_ns=arrived_ns)

    async def respond(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a whole answer."""
        await self._stream.send(_head(status, {**headers, "content-length": str(len(body))}) + body)

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Begin an answer whose length nobody knows: chunked, or ended by closing the connection."""
        if self._chunked:
            await self._stream.send(_head(200, {**headers, "transfer-encoding": "chunked"}))
        else:
            self.reusable = False
            await self._stream.send(_head(200, {**headers, "connection": "close"}))

    async def send(self, data: bytes) -> None:
        """Send a part of it."""
        await self._stream.send(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    async def end(self) -> None:
        """Say that it is whole."""
        if self._chunked:
            await self._stream.send(b"0\r\n\r\n")

    async def wait_for_hangup(self) -> None:
        """Stay silent until the client gives up."""
        self.reusable = False
        while True:
            try:
                await self._buffer.receive()
            except anyio.EndOfStream:
                return

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await self._chunks()
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise Malformed(400, f"Content-Length {length!r} is no number.")
        return await self._exactly(int(length))

    async def _chunks(self) -> bytes:
        body = b""
        while size := _chunk_size(await self._until(b"\r\n")):
            body += await self._exactly(size, already=len(body))
            await self._until(b"\r\n")
        while await self._until(b"\r\n"):
            pass  # trailers say nothing to us
        return body

    async def _exactly(self, size: int, *, already: int = 0) -> bytes:
        if already + size > _LONGEST_BODY:
            raise Malformed(413, f"The body exceeds {_LONGEST_BODY} bytes.")
        return await self._buffer.receive_exactly(size) if size else b""

    async def _until(self, delimiter: bytes) -> bytes:
        try:
            return await self._buffer.receive_until(delimiter, _LONGEST_HEAD)
        except anyio.DelimiterNotFound as error:
            raise Malformed(400, f"A head exceeds {_LONGEST_HEAD} bytes.") from error


def _request_line(line: str) -> tuple[str, str, str]:
    match line.split(" "):
        case [method, target, version]:
            return method, target, version
        case _:
            raise Malformed(400, f"{line[:80]!r} is no request line.")


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise Malformed(400, f"{line[:20]!r} is no size of a chunk.") from error


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\n{fields}\r\n".encode("latin-1")
