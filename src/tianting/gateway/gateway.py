"""One door to the model APIs for any kind of agent: keys, quotas, limits, usage, and answers that pass unbuffered.

    window -- token --> client_connection -> door -> exchange -> keyring -> upstream_connection -- key --> provider
                                                       |-> allowances           '-> usage_tap
                                                       '-> ledger

This is the face of it; the way of one request is `exchange.py`.
"""

import asyncio
import logging
import secrets
import socket
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import anyio
import anyio.abc
from msgspec import Struct

from tianting.gateway.allowances import Allowances
from tianting.gateway.circuit import CircuitState
from tianting.gateway.door import Door
from tianting.gateway.exchange import Services
from tianting.gateway.keyring import Keyring, Lane
from tianting.gateway.ledger import Ledger
from tianting.gateway.limits import DoorLimits
from tianting.gateway.passes import Passes
from tianting.gateway.quotas import Amount, Quota
from tianting.gateway.upstream import Upstream
from tianting.gateway.upstream_pool import UpstreamPool
from tianting.plumbing.clock import Clock, SystemClock
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import ModelCatalogue

log = logging.getLogger(__name__)


class KeyFigures(Struct, frozen=True, kw_only=True):
    """One key now."""

    upstream: str
    key: str
    circuit: CircuitState
    in_flight: int
    window: int
    """Requests it may carry at once, as far as is known."""
    paused: float
    """Seconds until it may be asked again."""


class GatewayFigures(Struct, frozen=True, kw_only=True):
    """The gateway now, and since its start."""

    connections: int
    answering: int
    """Requests in flight or waiting."""
    waiting: int
    """Requests that wait for a key."""
    tokens: int
    """Window tokens that were issued and are neither revoked nor known to have expired."""
    answers: dict[str, int]
    """Requests by outcome since the start: answered, refused, broken_off, abandoned."""
    turned_away: int
    """Requests that did not come in: no token, no such path, malformed."""
    keys: tuple[KeyFigures, ...]


class Gateway:
    """Made in any thread; served and used in the one event loop that runs `serve`.

    `quotas` by owner; `*` stands for every owner who is not named. Raises `ConfigError` for upstreams that can never
    work.
    """

    def __init__(
        self,
        *,
        upstreams: tuple[Upstream, ...],
        ledger: Ledger,
        quotas: Mapping[str, tuple[Quota, ...]] | None = None,
        catalogue: ModelCatalogue | None = None,
        limits: DoorLimits = DoorLimits(),  # noqa: B008 (frozen)
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._ledger = ledger
        self._passes = Passes(secrets.token_hex)
        self._lanes = _lanes(upstreams)
        self._services = Services(
            keyrings=_keyrings(self._lanes, limits, self._clock),
            allowances=Allowances(quotas or {}, self._remembered),
            ledger=ledger,
            catalogue=catalogue or ModelCatalogue(),
            clock=self._clock,
            limits=limits,
        )
        self._door = Door(self._services, self._passes)

    async def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int | None = 0,
        unix_socket: Path | None = None,
        task_status: anyio.abc.TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; then running answers are cut off. Started with the port that was taken; 0 for none.

        Listens on `port` (0 takes a free one, None listens on no port) and on `unix_socket`, which only this user can
        open. Raises `OSError` where one cannot be had.
        """
        servers = await self._listen(host, port, unix_socket)
        try:
            async with anyio.create_task_group() as self._door.tasks:
                for server in servers:
                    await server.start_serving()
                self._door.tasks.start_soon(self._go_round)
                task_status.started(servers[0].sockets[0].getsockname()[1] if port is not None else 0)
                await anyio.sleep_forever()
        finally:
            self._close(servers)
            if unix_socket is not None:
                unix_socket.unlink(missing_ok=True)

    def issue(self, window: str, owner: str, *, lives: float) -> str:
        """A token for `window`, good for `lives` seconds, on the account of `owner`."""
        return self._passes.issue(window, owner, lives=lives, now=self._clock.monotonic())

    def readmit(self, token: str, window: str, owner: str, *, lives: float) -> None:
        """Let a token that an earlier gateway gave to `window` count again, for `lives` seconds."""
        self._passes.readmit(token, window, owner, lives=lives, now=self._clock.monotonic())

    def revoke(self, what: str) -> None:
        """End a token, or all tokens of a window; answers of that window that are running break off."""
        self._door.break_off(self._passes.revoke(what))

    def observe(self) -> GatewayFigures:
        """The figures of this moment."""
        rings = self._services.keyrings.values()
        return GatewayFigures(
            connections=self._door.connections,
            answering=self._door.answering,
            waiting=sum(ring.waiting for ring in rings),
            tokens=len(self._passes),
            answers=dict(self._door.answers),
            turned_away=self._door.turned_away,
            keys=tuple(figures for ring in rings for figures in _key_figures(ring, self._clock.monotonic())),
        )

    async def _listen(self, host: str, port: int | None, unix_socket: Path | None) -> list[asyncio.Server]:
        """Both listeners, or none; neither accepts anything yet."""
        loop, door = asyncio.get_running_loop(), self._door.new_connection
        servers: list[asyncio.Server] = []
        if port is not None:
            servers.append(await loop.create_server(door, host, port, start_serving=False))
        try:
            if unix_socket is not None:
                listener = _unix_listener(unix_socket)
                servers.append(await loop.create_unix_server(door, sock=listener, start_serving=False))
        except OSError:
            self._close(servers)
            raise
        return servers

    async def _go_round(self) -> None:
        while True:
            await anyio.sleep(self._services.limits.round)
            self._door.look()
            for lane in self._lanes:
                lane.pool.close_idle(self._clock.monotonic())
            await self._flush()

    async def _flush(self) -> None:
        try:
            await self._ledger.flush()
        except sqlite3.Error as error:  # a full disk: what was used waits in memory
            log.warning("the ledger cannot be written: %s", error)

    def _close(self, servers: list[asyncio.Server]) -> None:
        for server in servers:
            server.close()
        self._door.break_off()
        for lane in self._lanes:
            lane.pool.close()

    def _remembered(self, owner: str, span: float) -> list[tuple[float, Amount]]:
        now = self._clock.now()
        return [(now - at, amount) for at, amount in self._ledger.used_since(owner, now - span)]


def _lanes(upstreams: tuple[Upstream, ...]) -> tuple[Lane, ...]:
    if not any(upstream.keys for upstream in upstreams):
        raise ConfigError("The gateway has no keys: name some under gateway.keys.")
    pools = [(upstream, UpstreamPool(upstream)) for upstream in upstreams]
    return tuple(Lane(upstream, key, pool) for upstream, pool in pools for key in upstream.keys)


def _keyrings(lanes: tuple[Lane, ...], limits: DoorLimits, clock: Clock) -> dict[str, Keyring]:
    speeches = {lane.upstream.speech for lane in lanes}
    return {
        speech: Keyring(tuple(lane for lane in lanes if lane.upstream.speech == speech), limits, clock.monotonic)
        for speech in sorted(speeches)
    }


def _key_figures(ring: Keyring, now: float) -> list[KeyFigures]:
    return [
        KeyFigures(
            upstream=lane.upstream.name,
            key=lane.key.name,
            circuit=state.circuit.state(now),
            in_flight=state.in_flight,
            window=max(int(state.concurrency.window), 1),
            paused=max(state.wait(1.0, now), 0.0),
        )
        for lane, state in zip(ring.lanes, ring.states, strict=True)
    ]


def _unix_listener(path: Path) -> socket.socket:
    """A socket file that nobody else can open at any moment. One that a crashed gateway left is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        listener.bind(str(path))
        path.chmod(0o600)
    except OSError:
        listener.close()
        raise
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
