"""One connection to an upstream: a request out, the head of its answer in, then the body straight to the client.

An asyncio protocol and not an anyio stream: per delta it is a third of the cost (docs/gateway.md has the figures). All
connections of a loop read into one buffer, because each piece is passed on before the next is read; the event loop's
own default is a new buffer of 256 KiB for every piece, which costs more than the rest together.
"""

import asyncio
from typing import Protocol

import anyio

from tianting.gateway.body_framing import BadFraming, Body
from tianting.gateway.http_heads import BadHead, ResponseHead, read_response_head
from tianting.gateway.usage_tap import UsageTap

VIEW = memoryview(bytearray(65_536))
"""Scratch of all connections of this thread's loop, client side and upstream side; never read after its callback."""
_LONGEST_HEAD = 65_536


class Sink(Protocol):
    """Who gets the body."""

    def write(self, data: bytes) -> None:
        """Take a piece as it came, chunk framing included."""
        ...


class UpstreamBroken(Exception):
    """The upstream cannot be reached, hung up, or spoke no HTTP."""


class UpstreamConnection(asyncio.BufferedProtocol):
    """Carries one exchange after the other. `heard` becomes true with every byte, for whoever watches the time."""

    def __init__(self) -> None:
        self.heard = False
        self.body_ended_well = False
        self._transport: asyncio.Transport
        self._changed = anyio.Event()
        self._head_bytes = bytearray()
        self._head: ResponseHead | None = None
        self._body: Body | None = None
        self._early = b""
        """Of the body, what came with the head."""
        self._sink: Sink | None = None
        self._tap: UsageTap | None = None
        self._broken: str | None = None
        self._asking = False

    @property
    def reusable(self) -> bool:
        """Whether another request may go: the last answer was whole, and nothing came behind it."""
        return self._broken is None and not self._asking

    async def ask(self, request: bytes) -> ResponseHead:
        """Send a whole request and wait for the head of the answer. Raises `UpstreamBroken`; has no time limit."""
        self._asking, self._head, self._body, self._early = True, None, None, b""
        self._head_bytes.clear()
        self._transport.write(request)
        while (head := self._arrived_head()) is None:
            self._raise_if_broken()
            await self._next_change()
        return head

    async def relay(self, sink: Sink, tap: UsageTap) -> None:
        """Pass the body on until it ends. Raises `UpstreamBroken` when it ends too early; has no time limit."""
        assert self._body is not None
        self._sink, self._tap = sink, tap
        early, self._early = self._early, b""
        if early:
            self._pass_on(early)
        self._transport.resume_reading()
        while not self._body.ended:
            self._raise_if_broken()
            await self._next_change()
        self._finish()

    def pause(self) -> None:
        """The client is slow: read no more until `resume`."""
        if self._broken is None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._broken is None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Hang up at once; what is on its way is lost."""
        self._fail("we hung up")
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Called by the loop. A view, because TLS fills it in slices, and a slice of a bytearray is a copy."""
        return VIEW

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the loop with each piece: the hot path."""
        self.heard = True
        if self._sink is not None:
            self._pass_on(bytes(VIEW[:nbytes]))
        elif self._head is None and self._asking:
            self._read_head(bytes(VIEW[:nbytes]))
        elif self._asking:
            self._early += bytes(VIEW[:nbytes])  # reading is paused, but a TLS record may hold more
        else:
            self._fail("it spoke without being asked")
            self._transport.abort()

    def eof_received(self) -> None:
        """Called by the loop. What we would still write nobody would answer."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        if self._body is not None and self._head is not None and self._until_eof(self._head) and exc is None:
            self._body.ended = True
        self._fail("it hung up" if exc is None else type(exc).__name__)

    def _arrived_head(self) -> ResponseHead | None:
        return self._head

    def _pass_on(self, data: bytes) -> None:
        assert self._body is not None
        assert self._sink is not None
        assert self._tap is not None
        try:
            content = self._body.feed(data)
        except BadFraming as error:
            self._fail(str(error))
            self._transport.abort()
            return
        if self._body.rest:
            data = data[: -len(self._body.rest)]
        self._sink.write(data)
        self._tap.feed(content)
        if self._body.ended:
            self._wake()

    def _read_head(self, data: bytes) -> None:
        searched = max(len(self._head_bytes) - 3, 0)
        self._head_bytes += data
        end = self._head_bytes.find(b"\r\n\r\n", searched)
        if end < 0 and len(self._head_bytes) <= _LONGEST_HEAD:
            return
        try:
            head = read_response_head(bytes(self._head_bytes[: max(end, 0)]))
        except BadHead as error:
            self._fail(str(error))
            self._transport.abort()
            return
        rest = bytes(self._head_bytes[end + 4 :])
        self._head_bytes.clear()
        if 100 <= head.status < 200:
            if rest:
                self._read_head(rest)
            return
        self._begin_body(head, rest)

    def _begin_body(self, head: ResponseHead, rest: bytes) -> None:
        """Read no further until somebody takes the body."""
        self._head, self._early = head, rest
        self._body = Body(length=head.length, chunked=head.chunked)
        self._transport.pause_reading()
        self._wake()

    def _finish(self) -> None:
        assert self._body is not None
        assert self._head is not None
        self._sink = self._tap = None
        self._asking = False
        if self._body.rest or not self._head.keep_alive:
            self.close()

    def _until_eof(self, head: ResponseHead) -> bool:
        return head.length is None and not head.chunked

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise UpstreamBroken(self._broken)

    def _fail(self, reason: str) -> None:
        self._broken = self._broken or reason
        self._wake()

    async def _next_change(self) -> None:
        await self._changed.wait()
        self._changed = anyio.Event()

    def _wake(self) -> None:
        self._changed.set()
