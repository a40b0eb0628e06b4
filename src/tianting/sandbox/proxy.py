"""Lets commands reach the hosts a person named and no other: HTTP, HTTP CONNECT and SOCKS5 on one socket.

    command -> its own loopback -> (accepted here) -> permitted? -> resolved -> permitted? -> the host

The socket is handed out of the sandbox by `loopback`. Names are resolved here, and the address that was judged is the
one that is connected to. What is refused is remembered per command, so that the model can be told.
"""

import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import NoReturn

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from tianting.sandbox.domains import permits, permits_address
from tianting.sandbox.door import Door
from tianting.sandbox.loopback import PORT
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

Resolve = Callable[[str, int], Awaitable[list[str]]]


class _Refused(Exception):
    """Not permitted, or not to be reached; answered to the client."""


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
        try:
            with door.scope:
                if listener := await door.listener():
                    await self._accept(listener, door, policy)
        except Exception:  # the session and its other commands go on; this command finds its proxy gone
            log.exception("the proxy of a command broke")
        finally:
            door.forget()

    async def _accept(self, listener: socket.socket, door: Door, policy: NetworkPolicy) -> None:
        # Taken before a connection is accepted: waiting ones would use up the agent's descriptors.
        room = anyio.Semaphore(MAX_CONNECTIONS)

        async def answer(client: anyio.abc.SocketStream) -> None:
            try:
                async with client:
                    await self._answer(client, door, policy)
            finally:
                room.release()

        async with (
            await anyio.abc.SocketListener.from_socket(listener) as connections,
            anyio.create_task_group() as tasks,
        ):
            while True:
                await room.acquire()
                tasks.start_soon(answer, await connections.accept())

    async def _answer(self, client: anyio.abc.SocketStream, door: Door, policy: NetworkPolicy) -> None:
        stream = BufferedByteReceiveStream(client)
        try:
            with anyio.fail_after(REQUEST_TIME):
                first = await stream.receive_exactly(1)
            handle = self._socks if first == b"\x05" else self._http
            await handle(first, stream, client, door, policy)
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.DelimiterNotFound):
            pass  # it left, or spoke something else
        except Exception as error:  # whatever a command sends must not end the session
            log.debug("a connection of a command broke: %r", error)

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


def proxy_environment() -> dict[str, str]:
    """What tells programs of the proxy."""
    web, socks = f"http://127.0.0.1:{PORT}", f"socks5h://127.0.0.1:{PORT}"
    named = {"HTTP_PROXY": web, "HTTPS_PROXY": web, "ALL_PROXY": socks, "NO_PROXY": "localhost,127.0.0.1,::1"}
    return {**named, **{name.lower(): value for name, value in named.items()}}


def _refuse(target: Target, door: Door) -> NoReturn:
    door.note_refusal(target.host, target.port)
    raise _Refused(f"The sandbox does not allow {target.host}:{target.port}. Retrying will not help.")


async def _relay(
    stream: BufferedByteReceiveStream, client: anyio.abc.SocketStream, remote: anyio.abc.SocketStream
) -> None:
    """Both ways, until both have ended."""

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_copy, stream, remote)
        await _copy(remote, client)


async def _copy(source: anyio.abc.ByteReceiveStream, sink: anyio.abc.SocketStream) -> None:
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        async for data in source:
            await sink.send(data)
        await sink.send_eof()


async def _resolve(host: str, port: int) -> list[str]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
