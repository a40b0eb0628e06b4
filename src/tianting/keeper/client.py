"""The fleet as the keeper sees it: without a queue of its own a fleet that does not read would hold the keeper up."""

import os
import select
import socket
import struct
from collections import deque
from collections.abc import Iterator

from tianting.keeper.frames import FrameReader, Message, NoMessage, pack, send


class Client:
    """One connection. Nothing here waits."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._reader = FrameReader(connection)
        self._unsent: deque[tuple[bytes, int | None]] = deque()

    def fileno(self) -> int:
        """For a selector."""
        return self._connection.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether something waits until the other side reads."""
        return bool(self._unsent)

    def is_gone(self) -> bool:
        """Whether the other side has closed, even when there is still something to read."""
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        return bool(poll.poll(0))

    def is_same_user(self) -> bool:
        """Whether who connected is who runs the keeper (unix(7), SO_PEERCRED)."""
        size = struct.calcsize("3i")
        _, user, _ = struct.unpack("3i", self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return bool(user == os.geteuid())

    def receive(self) -> Iterator[Message]:
        """The messages that have come. Raises `EOFError` at the end, and for whatever is no message."""
        try:
            while self._reader.receive():
                for message, descriptor in self._reader.messages():
                    if descriptor is not None:
                        os.close(descriptor)  # nothing that is asked for needs one
                    yield message
        except BlockingIOError:
            return
        except (OSError, NoMessage) as error:
            raise EOFError from error
        raise EOFError

    def send(self, message: Message, descriptor: int | None = None) -> None:
        """Send now or later. `descriptor` stays the caller's; it is duplicated for as long as it waits."""
        held = None if descriptor is None else os.dup(descriptor)
        self._unsent.append((pack(message), held))
        self.flush()

    def flush(self) -> None:
        """Send what the other side takes. What it never takes is dropped by `close`."""
        while self._unsent:
            data, descriptor = self._unsent.popleft()
            try:
                sent = send(self._connection, data, descriptor)
            except BlockingIOError:
                self._unsent.appendleft((data, descriptor))
                return
            except OSError:  # closed; the reading side tells
                sent = len(data)
            if descriptor is not None:
                os.close(descriptor)
            if sent < len(data):
                self._unsent.appendleft((data[sent:], None))

    def close(self) -> None:
        """Let go of the connection and of all descriptors that wait."""
        for _, descriptor in self._unsent:
            if descriptor is not None:
                os.close(descriptor)
        self._unsent.clear()
        self._reader.close()
        self._connection.close()
