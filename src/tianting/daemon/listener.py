"""The daemon's socket: many clients, none of which can hold up, starve or feed to death another.

    accept → whose is it? → a line, within its time and length → Desk → deltas, a reply, within their time → next line

When all places are taken, whoever has said nothing for the longest gives up theirs.
"""

import errno
import logging
import os
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import msgspec
from anyio.abc import SocketAttribute, SocketStream, TaskStatus
from anyio.streams.buffered import BufferedByteReceiveStream
from msgspec import Struct

from tianting.daemon.desk import Desk
from tianting.daemon.peers import Peer, peer_of
from tianting.daemon.words import Delta, Reply
from tianting.fleet.door.place import is_own, make_private
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError)


class ListenerLimits(Struct, frozen=True, kw_only=True):
    """How much clients may ask of the socket."""

    clients: int = 512
    """At once."""
    line: int = 1 << 20
    """Bytes of a request."""
    silence: float = 600.0
    """Seconds until a whole line has come."""
    patience: float = 10.0
    """Seconds in which a client takes one line."""


class _Caller:
    """A client that is connected."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.is_idle = True
        """Nothing of it is being answered."""


class Listener:
    """Run `serve`."""

    def __init__(self, desk: Desk, limits: ListenerLimits | None = None) -> None:
        self._desk = desk
        self._limits = limits or ListenerLimits()
        self._callers: dict[_Caller, None] = {}
        """In the order in which they were last heard of."""

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._callers)

    async def serve(self, path: Path, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Answer at `path` until cancelled; started when clients can connect. Raises `OSError`."""
        before = os.umask(0o177)  # the socket must not be open to others for a moment, either
        try:
            listener = await anyio.create_unix_listener(path, mode=0o600, backlog=1024)
        finally:
            os.umask(before)
        async with listener:
            task_status.started()
            await listener.serve(self._welcome)

    async def _welcome(self, client: SocketStream) -> None:
        async with client:
            raw = client.extra(SocketAttribute.raw_socket)  # noqa: S610 - anyio's, no query
            if not is_own(raw):
                log.warning("a client of another person was turned away")
                return
            caller = _Caller()
            if not self._has_room():
                await self._say(client, Reply(success=False, error="All places are taken by questions: ask later."))
                return
            self._callers[caller] = None
            try:
                with caller.scope:
                    await self._serve(client, peer_of(raw), caller)
            except _GONE:
                log.debug("a client left in the middle of a line")
            finally:
                self._callers.pop(caller, None)

    def _has_room(self) -> bool:
        if len(self._callers) < self._limits.clients:
            return True
        idle = next((one for one in self._callers if one.is_idle), None)
        if idle is not None:
            del self._callers[idle]
            idle.scope.cancel()
        return idle is not None

    async def _serve(self, client: SocketStream, peer: Peer, caller: _Caller) -> None:
        async def tell(delta: Delta) -> None:
            await self._say(client, delta)

        lines = BufferedByteReceiveStream(client)
        while (line := await self._next_line(client, lines)) is not None:
            if not line.strip():
                continue
            caller.is_idle = False
            reply = await self._desk.answer(line, peer, tell, clients=self.clients)
            await self._say(client, reply)
            caller.is_idle = True
            self._callers[caller] = self._callers.pop(caller, None)

    async def _next_line(self, client: SocketStream, lines: BufferedByteReceiveStream) -> bytes | None:
        """The next request; None where there is no other."""
        try:
            with anyio.fail_after(self._limits.silence):
                return await lines.receive_until(b"\n", self._limits.line)
        except anyio.DelimiterNotFound:
            error = f"A request has {self._limits.line} bytes at most: write the rest to a file, and name that."
            await self._say(client, Reply(success=False, error=error))
        except anyio.IncompleteRead:
            # Its last line, without a line feed; taken out, so that it is answered once.
            return await lines.receive_exactly(len(lines.buffer)) or None
        except TimeoutError:
            log.debug("a client was silent for too long")
        return None

    async def _say(self, client: SocketStream, what: Delta | Reply) -> None:
        try:
            with anyio.fail_after(self._limits.patience):
                await client.send(_encode(what) + b"\n")
        except TimeoutError:
            log.info("a client that does not read is hung up on")
            raise anyio.BrokenResourceError from None


@contextmanager
def free_place(path: Path) -> Generator[None, None, None]:
    """Have `path` free for a socket, and remove that at the end. Raises `FleetError` naming who is in the way."""
    make_private(path.parent)
    try:
        found = path.lstat()
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISSOCK(found.st_mode):
            raise FleetError(f"{path} is there and is no socket: move it away, or choose another with --socket.")
        if answers(path):
            raise FleetError(f"A daemon answers at {path} already: `tianting daemon stop` ends it.")
        path.unlink()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        code = probe.connect_ex(str(path))
    return code in (0, errno.EAGAIN, errno.EINPROGRESS)
