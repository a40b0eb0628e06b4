"""Connections to one upstream, kept open between requests: a new handshake costs more than all we do to a request."""

import asyncio
import ssl
from urllib.parse import urlsplit

import anyio

from tianting.gateway.http_heads import ResponseHead, write_head
from tianting.gateway.upstream import Upstream
from tianting.gateway.upstream_connection import UpstreamBroken, UpstreamConnection
from tianting.protocol.errors import ConfigError

_CONNECT_PATIENCE = 10.0
"""Seconds to connect, handshake included."""
_IDLE_LIFE = 60.0
"""Seconds that an unused connection is kept: agents run tools between two requests."""
_MOST_IDLE = 64


class UpstreamPool:
    """Opens, keeps and closes. Raises `ConfigError` for an address that can never work."""

    def __init__(self, upstream: Upstream) -> None:
        parts = urlsplit(upstream.base_url.rstrip("/").removesuffix("/v1"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ConfigError(f"The base URL of {upstream.name} must be http(s)://HOST[:PORT][/PATH].")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._authority = parts.netloc
        self._prefix = parts.path
        # Without TLS no certificate store is loaded.
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._idle: list[tuple[float, UpstreamConnection]] = []

    def request(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        """A whole request. `target` begins with `/v1`; host and length are set here and nowhere else."""
        length = {"content-length": str(len(body))} if body or method == "POST" else {}
        head = {"host": self._authority, **headers, **length, "accept-encoding": "identity"}
        return write_head(f"{method} {self._prefix}{target} HTTP/1.1", head) + body

    async def ask(self, request: bytes, now: float) -> tuple[UpstreamConnection, ResponseHead]:
        """Send `request` over some connection and wait for the head of its answer; without limit, once connected.

        A kept connection may have been closed by the other side meanwhile, so a failure there is tried once more on a
        new one; that is safe as long as not one byte of an answer has come. Raises `UpstreamBroken`.
        """
        if (kept := self._take(now)) is not None:
            try:
                return kept, await self._ask(kept, request)
            except UpstreamBroken:
                if kept.heard:
                    raise
        fresh = await self._connect()
        return fresh, await self._ask(fresh, request)

    def keep(self, connection: UpstreamConnection, now: float) -> None:
        """Take a connection back whose answer was passed on whole."""
        if connection.reusable and len(self._idle) < _MOST_IDLE:
            self._idle.append((now, connection))
        else:
            connection.close()

    def close_idle(self, now: float) -> None:
        """Close what was unused for too long."""
        old = [connection for since, connection in self._idle if now - since >= _IDLE_LIFE or not connection.reusable]
        self._idle = [(since, connection) for since, connection in self._idle if connection not in old]
        for connection in old:
            connection.close()

    def close(self) -> None:
        """Close all that are unused."""
        self.close_idle(float("inf"))

    async def _ask(self, connection: UpstreamConnection, request: bytes) -> ResponseHead:
        connection.heard = False
        try:
            return await connection.ask(request)
        except BaseException:  # whatever ended it, cancellation above all: nobody will read the answer
            connection.close()
            raise

    def _take(self, now: float) -> UpstreamConnection | None:
        """The one used last: the others may grow old and be closed."""
        while self._idle:
            since, connection = self._idle.pop()
            if connection.reusable and now - since < _IDLE_LIFE:
                return connection
            connection.close()
        return None

    async def _connect(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        try:
            with anyio.fail_after(_CONNECT_PATIENCE):
                _, connection = await loop.create_connection(
                    UpstreamConnection, self._host, self._port, ssl=self._tls, happy_eyeballs_delay=0.25
                )
        except TimeoutError:
            raise UpstreamBroken(f"it did not answer within {_CONNECT_PATIENCE:g} s") from None
        except OSError as error:  # TLS errors are among them
            raise UpstreamBroken(f"it cannot be reached: {error.strerror or type(error).__name__}") from None
        return connection
