"""Messages with open files over a Unix socket: without frames a message of 200 kB would come in pieces.

    4 bytes of length, big endian | JSON | and, with its first byte, at most one descriptor (unix(7), SCM_RIGHTS)

A message that carries a descriptor says so itself: `"descriptor": true`. Used on both sides; does no waiting.
"""

import array
import json
import os
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

LONGEST = 16 * 1024 * 1024
"""Bytes of one message: more than a command line and an environment can be."""
_HEAD = 4
_SIZE = array.array("i").itemsize
_ROOM = socket.CMSG_SPACE(8 * _SIZE)
"""The kernel never joins the descriptors of two messages in one read."""
_CHUNK = 262_144


class NoMessage(Exception):
    """The other side does not keep to the frames."""


def pack(message: Message) -> bytes:
    """`message` as it goes over the wire."""
    data = json.dumps(message, separators=(",", ":")).encode()
    return len(data).to_bytes(_HEAD, "big") + data


def send(connection: socket.socket, data: bytes, descriptor: int | None) -> int:
    """Send what fits, `descriptor` with it, and give back the number of bytes. Raises `BlockingIOError`, `OSError`."""
    if descriptor is None:
        return connection.send(data)
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
    return connection.sendmsg([data], [rights])


class FrameReader:
    """Puts messages together from whatever arrives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._bytes = bytearray()
        self._descriptors: deque[int] = deque()

    def receive(self) -> bool:
        """Take what is there; false at the end. Raises `BlockingIOError`, `OSError`."""
        # Not `socket.recv_fds`, which drops its flags: a program started meanwhile would inherit the descriptors.
        data, extras, _, _ = self._connection.recvmsg(_CHUNK, _ROOM, socket.MSG_CMSG_CLOEXEC)
        for level, kind, rights in extras:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors.extend(array.array("i", rights[: len(rights) // _SIZE * _SIZE]))
        self._bytes += data
        return bool(data)

    def messages(self) -> Iterator[tuple[Message, int | None]]:
        """The whole messages, each with its descriptor, which is the taker's to close. Raises `NoMessage`."""
        while (message := self._next()) is not None:
            carries = bool(message.get("descriptor"))
            yield message, self._descriptors.popleft() if carries and self._descriptors else None

    def close(self) -> None:
        """Close the descriptors that nobody took."""
        while self._descriptors:
            os.close(self._descriptors.popleft())

    def _next(self) -> Message | None:
        if len(self._bytes) < _HEAD:
            return None
        end = _HEAD + int.from_bytes(self._bytes[:_HEAD], "big")
        if end > LONGEST:
            raise NoMessage(f"a message of {end} bytes")
        if len(self._bytes) < end:
            return None
        data = bytes(self._bytes[_HEAD:end])
        del self._bytes[:end]
        return _decoded(data)


def _decoded(data: bytes) -> Message:
    try:
        message = json.loads(data)
    except ValueError as error:
        raise NoMessage("a frame without JSON") from error
    if not isinstance(message, dict):
        raise NoMessage("a frame without an object")
    return message
