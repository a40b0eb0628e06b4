"""Lines over a Unix socket, read and written as it becomes ready: both sides of a fleet's door stand on it.

By hand rather than with anyio's streams: a read of those that is cancelled in the moment in which something comes
leaves an error in the event loop's log, and clients come and go all the time.
"""

import socket
from pathlib import Path

import anyio
import anyio.lowlevel

_CHUNK = 65_536
_WAITING = 128
"""Clients that have knocked and are not let in yet."""


class HungUp(Exception):
    """The other side is gone, or has closed in the middle of a line."""


class LineTooLong(Exception):
    """A line without an end."""


class LineSocket:
    """One connection. One task may read while another writes. Nobody may be in it any more when it is closed."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self._buffer = bytearray()
        self._searched = 0
        """Bytes of the buffer that hold no end of a line."""
        self._is_passing_over = False
        """In the middle of a line that was too long."""

    async def receive(self, most: int) -> bytes:
        """The next line, without its end.

        Raises `HungUp`, and `LineTooLong` for more than `most` bytes: the rest of that line is passed over.
        """
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                line = self._taken(end + 1)[:-1]
                if self._is_passing_over:
                    self._is_passing_over = False
                elif len(line) > most:
                    raise LineTooLong
                else:
                    return line
            elif len(self._buffer) > most:
                self._taken(len(self._buffer))
                is_news, self._is_passing_over = not self._is_passing_over, True
                if is_news:
                    raise LineTooLong
            else:
                self._searched = len(self._buffer)
                self._buffer += await self._chunk()

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises `HungUp`."""
        left = memoryview(data)
        while left:
            try:
                left = left[self.connection.send(left) :]
            except BlockingIOError:
                await anyio.wait_writable(self.connection)
            except OSError as error:
                raise HungUp from error

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def _taken(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._searched = 0
        return data

    async def _chunk(self) -> bytes:
        while True:
            try:
                chunk = self.connection.recv(_CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self.connection)
                continue
            except OSError as error:
                raise HungUp from error
            if not chunk:
                raise HungUp
            # A client that sends without end must not keep the others from their turn.
            await anyio.lowlevel.checkpoint()
            return chunk


def listen(path: Path) -> socket.socket:
    """Listen at `path`, for us alone; what a dead process left there is replaced. Raises `OSError`."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        path.chmod(0o600)  # nobody can connect before it listens
        listening.listen(_WAITING)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


async def accept(listening: socket.socket) -> LineSocket:
    """The next client. Raises `OSError` where there are no descriptors left."""
    while True:
        try:
            return LineSocket(listening.accept()[0])
        except (BlockingIOError, ConnectionAbortedError):
            await anyio.wait_readable(listening)


def connect(path: Path) -> LineSocket:
    """A connection to whoever listens at `path`: of a local socket at once, or never. Raises `OSError`."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return LineSocket(connection)
