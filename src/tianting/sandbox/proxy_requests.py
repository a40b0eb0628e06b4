"""Reads where a client of the proxy wants to go, and writes the request the server is to see."""

import socket

from anyio.streams.buffered import BufferedByteReceiveStream
from msgspec import Struct


class Target(Struct, frozen=True, kw_only=True):
    """A host, as the client wrote it, and a port."""

    host: str
    port: int


def http_target(method: str, address: str) -> tuple[Target, str]:
    """Where a request line leads, and the path to ask for there. Raises `ValueError`."""
    if method == "CONNECT":
        return _authority(address, 443), ""
    scheme, _, rest = address.partition("://")
    if scheme.lower() != "http":
        raise ValueError(f"{address!r} is no http:// address")
    authority, slash, path = rest.partition("/")
    return _authority(authority.rpartition("@")[2], 80), slash + path or "/"


def plain_head(line: str, target: Target, rest: bytes) -> bytes:
    """The request as the server expects it, with the host that was judged: servers go by that header."""
    replaced = (b"proxy-", b"connection:", b"keep-alive:", b"host:")
    kept = [header for header in rest.split(b"\r\n") if header and not header.lower().startswith(replaced)]
    host = f"[{target.host}]" if ":" in target.host else target.host
    named = f"Host: {host}" if target.port == 80 else f"Host: {host}:{target.port}"
    return b"\r\n".join([line.encode("latin-1"), named.encode("latin-1"), *kept, b"Connection: close", b"", b""])


async def socks_target(kind: int, stream: BufferedByteReceiveStream) -> Target:
    """The address of a SOCKS5 request, of address type `kind`. Raises `ValueError`."""
    if kind == 1:
        host = socket.inet_ntop(socket.AF_INET, await stream.receive_exactly(4))
    elif kind == 4:
        host = socket.inet_ntop(socket.AF_INET6, await stream.receive_exactly(16))
    elif kind == 3:
        host = (await stream.receive_exactly((await stream.receive_exactly(1))[0])).decode("ascii")
    else:
        raise ValueError(f"address type {kind}")
    return Target(host=host, port=int.from_bytes(await stream.receive_exactly(2), "big"))


def _authority(text: str, port: int) -> Target:
    host, colon, number = text.rpartition(":")
    if colon and number.isdigit():
        return Target(host=host.strip("[]"), port=int(number))
    return Target(host=text.strip("[]"), port=port)
