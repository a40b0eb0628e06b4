"""Reads a window's socket exactly once, over the death of the reader: without it a fleet that crashes would lose what
it had read and not stored, or store twice what it had stored and not read.

    peek → whole lines to the agent, which tells → asked again: note in the socket → commit(mark) → consume

An agent's `run` asks for the next bytes when everything is told of the earlier ones. That is when `commit` stores, in
one transaction, all events told since the last commit, and the mark. A line that is not whole yet lies in the mark.

What was peeked when a fleet died comes again, unless it was stored. Contents cannot tell, for agents repeat
themselves; so the socket itself remembers, which the keeper keeps alive: SO_PEEK_OFF (socket(7)) is a number that
belongs to the socket and that the kernel lowers by each byte that is consumed. It is `IDLE` while nothing is under
way; otherwise its high bit is the parity of the batch's number, and the rest counts its bytes that are still there.
"""

import contextlib
import socket
from collections.abc import Awaitable, Callable

import anyio
from anyio.lowlevel import checkpoint
from msgspec import Struct

LONGEST_LINE = 16 << 20
"""Bytes. Of a longer line only the head is given on."""
HEAD = 200
"""Bytes that are kept of a line that is too long. They are no JSON any more, so whoever decodes them complains."""

_PEEK_OFF = 42  # SO_PEEK_OFF, which Python does not name
_IDLE = -1
_PARITY = 1 << 30
_CHUNK = 1 << 20


class Mark(Struct, frozen=True, kw_only=True):
    """How far a socket has been read and stored. Of each socket only the newest counts."""

    number: int = 0
    """Counts batches."""
    length: int = 0
    """Bytes of the batch."""
    part: bytes = b""
    """What came behind the last line feed, at most `LONGEST_LINE`."""
    cut: bool = False
    """`part` is the head of a line that is too long: what else belongs to it is dropped."""


Commit = Callable[[Mark], Awaitable[None]]
"""Stores what was told since the last commit, and the mark, in one transaction. What it raises ends the reading."""


class Intake:
    """The `drivers.driver.Pipe` over the fleet's end of a window's socket, which must be a stream."""

    def __init__(self, sock: socket.socket, resume_from: Mark | None, commit: Commit) -> None:
        """`resume_from` is the newest mark that was stored of this socket; None when there is none."""
        sock.setblocking(False)
        self._socket = sock
        self._commit = commit
        self._mark = resume_from or Mark()
        self._next: Mark | None = None
        self._settle()

    async def receive(self) -> bytes:
        """Whole lines; what is behind the last line feed only at the end of the stream, and then nothing more."""
        await self._acknowledge()
        while True:
            await checkpoint()
            data = await self._peek()
            if not data:
                return await self._rest()
            lines, self._next = cut_lines(data, self._mark)
            if lines:
                return lines
            await self._acknowledge()

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises `BrokenPipeError`. A cancelled call may have sent a part of it."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            except ConnectionResetError as error:
                raise BrokenPipeError(str(error)) from error
        await checkpoint()

    async def finish(self) -> None:
        """Nothing more will be sent."""
        with contextlib.suppress(OSError):  # the other end is gone, which is an end, too
            self._socket.shutdown(socket.SHUT_WR)
        await checkpoint()

    def _settle(self) -> None:
        """Consume what a dead reader had stored and not consumed; forget what it had not stored."""
        note = self._note()
        if note != _IDLE and note & _PARITY == _parity(self._mark):
            self._consume(note & ~_PARITY)
        self._write_note(_IDLE)

    async def _acknowledge(self) -> None:
        if self._next is None:
            return
        self._write_note(_parity(self._next) | self._next.length)
        await self._commit(self._next)
        self._mark, self._next = self._next, None
        self._consume(self._mark.length)
        self._write_note(_IDLE)

    async def _rest(self) -> bytes:
        """What came last, without a line feed. Given once: the mark that follows has none of it."""
        rest = self._mark.part
        if rest:
            self._next = Mark(number=self._mark.number + 1)
        return rest

    async def _peek(self) -> bytes:
        while True:
            try:
                return self._socket.recv(_CHUNK, socket.MSG_PEEK)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
            except ConnectionResetError:  # it died with unread input
                return b""

    def _consume(self, length: int) -> None:
        while length > 0:
            length -= len(self._socket.recv(length))

    def _note(self) -> int:
        return self._socket.getsockopt(socket.SOL_SOCKET, _PEEK_OFF)

    def _write_note(self, value: int) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, _PEEK_OFF, value)


def cut_lines(data: bytes, before: Mark) -> tuple[bytes, Mark]:
    """The lines that `data` completes, with their line feeds, and the mark that follows `before`."""
    whole, feed, rest = data.rpartition(b"\n")
    if not feed:
        part, cut = _joined(before, rest)
        return b"", Mark(number=before.number + 1, length=len(data), part=part, cut=cut)
    first, feed, others = (whole + feed).partition(b"\n")
    lines = _joined(before, first)[0] + feed + others
    part, cut = _joined(Mark(), rest)
    return lines, Mark(number=before.number + 1, length=len(data), part=part, cut=cut)


def _joined(before: Mark, piece: bytes) -> tuple[bytes, bool]:
    """A line that goes on with `piece`, and whether it is cut."""
    if before.cut:
        return before.part, True
    if len(before.part) + len(piece) > LONGEST_LINE:
        return (before.part + piece)[:HEAD], True
    return before.part + piece, False


def _parity(mark: Mark) -> int:
    return _PARITY if mark.number % 2 else 0
