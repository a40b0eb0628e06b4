"""One connection of a window: head, then whether it may come in, then body, then its answer as it arrives, and again.

    reading head --admitted--> reading body --> answering --> reading head ...
         '------- refused -------'--> draining --> closed

Whoever leaves ends what is done for them at once: the answer's scope is cancelled when the connection is.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, Literal, Protocol, TypeVar

import anyio
from msgspec import Struct

from tianting.gateway.body_framing import BadFraming, Body
from tianting.gateway.dialects import error_body, speech_of
from tianting.gateway.http_heads import BadHead, RequestHead, read_request_head, write_head
from tianting.gateway.limits import DoorLimits
from tianting.gateway.upstream import Speech
from tianting.gateway.upstream_connection import VIEW

_DRAIN = 5.0
"""Seconds that the rest of a refused request is read away: hanging up at once would destroy the answer on its way."""
_WIRE_FOR_A_BYTE = 6
"""Chunks of one byte cost six: beyond that the framing is an attack."""
_REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 413: "Content Too Large", 417: "Expectation Failed", 426: "Upgrade Required",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported", 529: "Overloaded",
}  # fmt: skip

Admitted = TypeVar("Admitted")
State = Literal["head", "body", "answering", "draining", "closed"]


class Refusal(Exception):
    """The door's own answer to a request."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


class Source(Protocol):
    """Where an answer comes from."""

    heard: bool

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Request(Struct, Generic[Admitted], frozen=True, kw_only=True):
    """A whole request that was let in."""

    head: RequestHead
    admitted: Admitted
    body: bytes


class Host(Protocol[Admitted]):
    """Who the client came to."""

    def admit(self, head: RequestHead) -> Admitted:
        """Judge a head before its body is read. Raises `Refusal`."""
        ...

    def begin(self, client: "ClientConnection[Admitted]", request: Request[Admitted]) -> None:
        """Start a task that answers and then calls `done`."""
        ...

    def left(self, client: "ClientConnection[Admitted]") -> None:
        """The connection is gone."""
        ...


class ClientConnection(asyncio.BufferedProtocol, Generic[Admitted]):
    """One client of `host`. `now` is the clock that never goes back."""

    def __init__(self, host: Host[Admitted], limits: DoorLimits, now: Callable[[], float]) -> None:
        self.scope: anyio.CancelScope | None = None
        """Of the task that answers."""
        self._host = host
        self._limits, self._now = limits, now
        self._transport: asyncio.Transport
        self._state: State = "head"
        self._since = self._progress = now()
        self._head_bytes = bytearray()
        self._head: RequestHead | None = None
        self._admitted: Admitted
        self._body = Body(length=0, chunked=False)
        self._contents: list[bytes] = []
        self._received = 0
        self._on_wire = 0
        self._source: Source | None = None
        self._unread = 0
        """Bytes that waited for a slow reader when we last looked."""
        self._paused = False

    # What whoever answers calls.

    def attach(self, source: Source) -> None:
        """The body comes from `source`, which is paused while this client is slow."""
        self._source = source
        if self._paused:
            source.pause()

    def write(self, data: bytes) -> None:
        """Pass on a piece as it is. Nothing is held back."""
        self._transport.write(data)

    def respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send a whole answer of our own."""
        stays = {} if self._may_go_on() else {"connection": "close"}
        fields = {"content-type": "application/json", "content-length": str(len(body)), **headers, **stays}
        self.write(write_head(f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", fields) + body)

    def refuse(self, refusal: Refusal) -> None:
        """Send `refusal` in the words of the client's dialect."""
        self.respond(refusal.status, error_body(self._speech(), refusal.status, str(refusal)), refusal.headers)

    def done(self, *, stays: bool) -> None:
        """The answer is over. The connection ends after one that broke off, which is how the client knows."""
        self._source, self.scope = None, None
        if self._state != "answering":
            return
        if not stays or not self._may_go_on():
            self._hang_up()
            return
        rest, self._head = self._body.rest, None
        self._enter("head")
        if rest:
            self._read(rest)

    def abort(self) -> None:
        """Drop the connection and what it has not taken yet."""
        self._state = "closed"
        self._transport.abort()

    def look(self) -> None:
        """Called about once a second: hang up on whoever takes too long."""
        waited, quiet = self._now() - self._since, self._now() - self._progress
        match self._state:
            case "head" if waited > (self._limits.head_patience if self._head_bytes else self._limits.idle_patience):
                self._hang_up()
            case "body" if quiet > self._limits.body_patience or waited > self._limits.body_time:
                self._refuse_and_drain(Refusal(408, "The request came too slowly."))
            case "answering" if self._is_stuck(quiet):
                self.abort()
            case "draining" if waited > _DRAIN:
                self.abort()
            case _:
                pass

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return VIEW

    def buffer_updated(self, nbytes: int) -> None:
        self._read(bytes(VIEW[:nbytes]))

    def pause_writing(self) -> None:
        self._paused, self._progress = True, self._now()
        self._unread = self._transport.get_write_buffer_size()
        if self._source is not None:
            self._source.pause()

    def resume_writing(self) -> None:
        self._paused = False
        if self._source is not None:
            self._source.resume()

    def eof_received(self) -> None:
        """The client sends no more, and so takes no more: no client of these APIs closes one half only."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._state = "closed"
        if self.scope is not None:
            self.scope.cancel()
        self._host.left(self)

    # The steps of a request, in their order.

    def _read(self, data: bytes) -> None:
        self._progress = self._now()
        match self._state:
            case "head":
                self._read_head(data)
            case "body":
                self._read_body(data)
            case "answering":
                self._body.rest += data
                if len(self._body.rest) > self._limits.head:
                    self.abort()  # it does not wait for its answer
            case "draining" | "closed":
                pass

    def _read_head(self, data: bytes) -> None:
        if not self._head_bytes:
            self._since = self._progress
            data = data.lstrip(b"\r\n")  # RFC 9112, 2.2: some clients end a body with an empty line
        searched = max(len(self._head_bytes) - 3, 0)
        self._head_bytes += data
        end = self._head_bytes.find(b"\r\n\r\n", searched)
        if end > self._limits.head or (end < 0 and len(self._head_bytes) > self._limits.head):
            self._refuse_and_drain(Refusal(431, f"The head is longer than {self._limits.head} bytes."))
        elif end >= 0:
            head, rest = bytes(self._head_bytes[:end]), bytes(self._head_bytes[end + 4 :])
            self._head_bytes.clear()
            self._take_head(head, rest)

    def _take_head(self, head: bytes, rest: bytes) -> None:
        try:
            self._head = read_request_head(head)
            self._admitted = self._host.admit(self._head)
            self._begin_body(self._head)
        except BadHead as error:
            self._refuse_and_drain(Refusal(error.status, f"This is not HTTP as it is spoken here: {error}."))
        except Refusal as refusal:
            self._refuse_and_drain(refusal)
        else:
            self._read_body(rest)

    def _begin_body(self, head: RequestHead) -> None:
        if (head.length or 0) > self._limits.body:
            raise self._too_large()
        self._body = Body(length=head.length, chunked=head.length is None)
        self._contents, self._received, self._on_wire = [], 0, 0
        self._enter("body")
        if (expected := head.headers.get("expect")) is None:
            return
        if expected.lower() != "100-continue":
            raise Refusal(417, "Of expectations only 100-continue can be met.")
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self, data: bytes) -> None:
        self._on_wire += len(data)
        if data and not self._body.ended:
            try:
                content = self._body.feed(data)
            except BadFraming as error:
                self._refuse_and_drain(Refusal(400, f"The body is malformed: {error}."))
                return
            self._contents.append(content)
            self._received += len(content)
        elif data:
            self._body.rest += data
        if self._received > self._limits.body or self._on_wire > self._most_on_wire():
            self._refuse_and_drain(self._too_large())
        elif self._body.ended:
            self._answer()

    def _answer(self) -> None:
        assert self._head is not None
        body, self._contents = b"".join(self._contents), []
        self._enter("answering")
        self._host.begin(self, Request(head=self._head, admitted=self._admitted, body=body))

    def _refuse_and_drain(self, refusal: Refusal) -> None:
        """Answer without having read it all, then read the rest away."""
        self._head_bytes.clear()
        self._contents = []
        self._enter("draining")
        self.refuse(refusal)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _hang_up(self) -> None:
        self._state = "closed"
        self._transport.close()

    def _enter(self, state: State) -> None:
        self._state = state
        self._since = self._progress = self._now()

    def _is_stuck(self, quiet: float) -> bool:
        """Whether a reader that is too slow has taken nothing for too long."""
        if not self._paused:
            return False
        unread = self._transport.get_write_buffer_size()
        if unread < self._unread:
            self._progress = self._now()
            quiet = 0.0
        self._unread = unread
        return quiet > self._limits.slow_reader_patience

    def _may_go_on(self) -> bool:
        return self._state == "answering" and self._head is not None and self._head.keep_alive

    def _speech(self) -> Speech:
        return speech_of(self._head.path, self._head.headers) if self._head else "openai"

    def _most_on_wire(self) -> int:
        return self._limits.head + self._limits.body + _WIRE_FOR_A_BYTE * self._received

    def _too_large(self) -> Refusal:
        return Refusal(413, f"The body is longer than {self._limits.body} bytes.")
