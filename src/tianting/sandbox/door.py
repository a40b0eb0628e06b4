"""How one command and the proxy find each other: a pair of sockets, through which a sandbox hands out its listener."""

import os
import socket
import sys
from array import array
from pathlib import Path

import anyio

from tianting.sandbox import loopback
from tianting.sandbox.domains import hosts

_MAX_REMEMBERED = 20
"""Refused hosts."""


class Door:
    """What one command needs to reach the proxy."""

    def __init__(self, outer: socket.socket, inner: socket.socket) -> None:
        self.descriptor = inner.fileno()
        """The command's end; kept open for it."""
        self._refused: dict[tuple[str, int], None] = {}
        self.scope = anyio.CancelScope()
        """What the proxy does for this command."""
        self._outer, self._inner = outer, inner

    @property
    def blocked(self) -> tuple[str, ...]:
        """The hosts it asked for and was refused, oldest first."""
        return hosts(self._refused)

    @property
    def argv(self) -> list[str]:
        """Goes in front of the command, inside the sandbox, where our own files may not be seen."""
        program = Path(loopback.__file__).read_text(encoding="utf-8")
        # A virtual environment may lie in /tmp, where the command has its own; the interpreter behind it does not.
        return [os.path.realpath(sys.executable), "-I", "-S", "-c", program, str(self.descriptor)]

    def note_refusal(self, host: str, port: int) -> None:
        """Remember it, so that the model can be told; the first few are enough."""
        if len(self._refused) < _MAX_REMEMBERED:
            self._refused[host, port] = None

    async def listener(self) -> socket.socket | None:
        """The socket the command's connections arrive at; `None` if it ended before it made one."""
        await anyio.wait_readable(self._outer)
        room = socket.CMSG_SPACE(array("i").itemsize)
        _, messages, _, _ = self._outer.recvmsg(1, room)
        for level, kind, data in messages:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                return socket.socket(fileno=array("i", data)[0])
        return None

    def close(self) -> None:
        """Nothing more is accepted, and every connection ends."""
        self.scope.cancel()
        self._inner.close()

    def forget(self) -> None:
        """Let go of our own end; done by the proxy."""
        self._outer.close()
