"""Lets commands reach the hosts a person named and no other: HTTP, HTTP CONNECT and SOCKS5 on one socket.

    command -> its own loopback -> (accepted here) -> permitted? -> resolved -> permitted? -> the host

The socket is handed out of the sandbox by `loopback`. Names are resolved here, and the address that was judged is the
one that is connected to. What is refused is remembered per command, so that the model can be told.
"""

import contextlib
import logging
import socket
import sys
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from tianting.sandbox import loopback
from tianting.sandbox.domains import hosts, permits, permits_address
from tianting.sandbox.policy import NetworkPolicy
from tianting.sandbox.proxy_requests import Target, http_target, plain_head, socks_target

log = logging.getLogger(__name__)

CONNECT_TIME = 30.0
"""Seconds to reach a host."""
REQUEST_TIME = 30.0
"""Seconds a client has to say what it wants."""
MAX_HEAD = 65_536
"""Bytes of a request's head."""
MAX_CONNECTIONS = 256
"""At a time, of one command."""
_MAX_REMEMBERED = 20

Resolve = Callable[[str, int], Awaitable[list[str]]]


class _Refused(Exception):
    """Not permitted, or not to be reached; answered to the client."""


class Door:
    """What one command needs to reach the proxy."""

    def __init__(self, outer: socket.socket, inner: socket.socket) -> None:
        self.descriptor = inner.fileno()
        """The command's end; kept open for it."""
        self.refused: dict[tuple[str, int], None] = {}
        self.scope = anyio.CancelScope()
        self._outer, self._inner = outer, inner

    @property
    def blocked(self) -> tuple[str, ...]:
        """The hosts it asked for and was refused, oldest first."""
        return hosts(self.refused)

    @property
    def argv(self) -> list[str]:
        """Goes in front of the command, inside the sandbox."""
        return [sys.executable, "-I", "-S", str(Path(loopback.__file__)), str(self.descriptor)]

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


class Proxy:
    """One per session, entered and left by it in one task."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve or _resolve
        self._tasks: anyio.abc.TaskGroup

    async def __aenter__(self) -> "Proxy":
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tasks.cancel_scope.cancel()
        # Told of `error`, the group would wrap it into an exception group.
        await self._tasks.__aexit__(None, None, None)

    def open(self, policy: NetworkPolicy) -> Door:
        """A door for one command, from now until its `close`."""
        door = Door(*socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
        self._tasks.start_soon(self._serve, door, policy)
        return door

    async def _serve(self, door: Door, policy: NetworkPolicy) -> None:
        room = anyio.Semaphore(MAX_CONNECTIONS)

        async def answer(client: anyio.abc.SocketStream) -> None:
            async with room, client:
                await self._answer(client, door, policy)

        with door.scope, contextlib.closing(_Forgetting(door)):
            listener = await door.listener()
            if listener is None:
                return
            listener.setblocking(False)
            async with await anyio.abc.SocketListener.from_socket(listener) as connections:
                await connections.serve(answer)

    async def _answer(self, client: anyio.abc.SocketStream, door: Door, policy: NetworkPolicy) -> None:
        stream = BufferedByteReceiveStream(client)
        try:
            with anyio.fail_after(REQUEST_TIME):
                first = await stream.receive_exactly(1)
            handle = self._socks if first == b"\x05" else self._http
            await handle(first, stream, client, door, policy)
        except (OSError, TimeoutError, ValueError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            log.debug("a connection of a command broke: %s", error)
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.DelimiterNotFound):
            pass  # it left, or spoke something else

    async def _http(
        self,
        first: bytes,
        stream: BufferedByteReceiveStream,
        client: anyio.abc.SocketStream,
        door: Door,
        policy: NetworkPolicy,
    ) -> None:
        with anyio.fail_after(REQUEST_TIME):
            head = first + await stream.receive_until(b"\r\n\r\n", MAX_HEAD)
        line, _, rest = head.partition(b"\r\n")
        method, address, version = line.decode("latin-1").split(" ")
        try:
            target, path = http_target(method, address)
            remote = await self._connect(target, door, policy)
        except _Refused as refused:
            body = f"{refused}\n".encode()
            await client.send(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n"
                b"X-Proxy-Error: blocked-by-allowlist\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            return
        async with remote:
            if method == "CONNECT":
                await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                await remote.send(plain_head(f"{method} {path} {version}", target, rest))
            await _relay(stream, client, remote)

    async def _socks(
        self,
        first: bytes,
        stream: BufferedByteReceiveStream,
        client: anyio.abc.SocketStream,
        door: Door,
        policy: NetworkPolicy,
    ) -> None:
        """SOCKS5 without authentication (RFC 1928), CONNECT only."""
        with anyio.fail_after(REQUEST_TIME):
            await stream.receive_exactly((await stream.receive_exactly(1))[0])
            await client.send(first + b"\x00")
            _, command, _, kind = await stream.receive_exactly(4)
            target = await socks_target(kind, stream)
        if command != 1:
            await client.send(b"\x05\x07\x00\x01" + bytes(6))  # 7: command not supported
            return
        try:
            remote = await self._connect(target, door, policy)
        except _Refused:
            await client.send(b"\x05\x02\x00\x01" + bytes(6))  # 2: not allowed by ruleset
            return
        async with remote:
            await client.send(b"\x05\x00\x00\x01" + bytes(6))
            await _relay(stream, client, remote)

    async def _connect(self, target: Target, door: Door, policy: NetworkPolicy) -> anyio.abc.SocketStream:
        if not permits(policy, target.host, target.port):
            _refuse(target, door)
        try:
            with anyio.fail_after(CONNECT_TIME):
                addresses = await self._resolve(target.host, target.port)
                permitted = [
                    address for address in addresses if permits_address(policy, target.host, target.port, address)
                ]
                if not permitted:
                    _refuse(target, door)
                return await anyio.connect_tcp(permitted[0], target.port)
        except (OSError, TimeoutError) as error:
            raise _Refused(f"{target.host}:{target.port} cannot be reached: {error}") from error


class _Forgetting:
    """Closes the agent's end of a door."""

    def __init__(self, door: Door) -> None:
        self.close = door.forget


def proxy_environment() -> dict[str, str]:
    """What tells programs of the proxy."""
    web, socks = f"http://127.0.0.1:{loopback.PORT}", f"socks5h://127.0.0.1:{loopback.PORT}"
    named = {"HTTP_PROXY": web, "HTTPS_PROXY": web, "ALL_PROXY": socks, "NO_PROXY": "localhost,127.0.0.1,::1"}
    return {**named, **{name.lower(): value for name, value in named.items()}}


def _refuse(target: Target, door: Door) -> NoReturn:
    if len(door.refused) < _MAX_REMEMBERED:
        door.refused[target.host, target.port] = None
    raise _Refused(f"The sandbox does not allow {target.host}:{target.port}. Retrying will not help.")


async def _relay(
    stream: BufferedByteReceiveStream, client: anyio.abc.SocketStream, remote: anyio.abc.SocketStream
) -> None:
    """Both ways, until both have ended."""

    async def forward() -> None:
        if stream.buffer:
            await remote.send(await stream.receive())
        await _copy(client, remote)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(forward)
        await _copy(remote, client)


async def _copy(source: anyio.abc.SocketStream, sink: anyio.abc.SocketStream) -> None:
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for data in source:
            await sink.send(data)
        await sink.send_eof()


async def _resolve(host: str, port: int) -> list[str]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
