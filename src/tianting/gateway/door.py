"""Who may come in, and what becomes of them: each request gets one task, which ends when its client leaves."""

import asyncio
import logging
from collections.abc import Iterable

import anyio
import anyio.abc

from tianting.gateway.client_connection import Refusal, Request
from tianting.gateway.dialects import Route, route, token_of
from tianting.gateway.exchange import Admission, Client, Exchange, Services
from tianting.gateway.http_heads import RequestHead
from tianting.gateway.passes import Passes

log = logging.getLogger(__name__)


class Door:
    """The side of the gateway that windows see. `tasks` must be set before the first connection."""

    def __init__(self, services: Services, passes: Passes) -> None:
        self.tasks: anyio.abc.TaskGroup
        self.answers = {"answered": 0, "refused": 0, "broken_off": 0, "abandoned": 0}
        """Requests that came in, by outcome."""
        self.turned_away = 0
        """Requests that did not: no token, no such path."""
        self._services = services
        self._passes = passes
        self._connections: set[Client] = set()
        self._answering: dict[Client, str] = {}
        """The window that each answer is for."""

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    @property
    def answering(self) -> int:
        """Requests that wait or are being answered."""
        return len(self._answering)

    def new_connection(self) -> asyncio.BufferedProtocol:
        """Called by the loop for each connection."""
        limits = self._services.limits
        if len(self._connections) >= limits.connections:
            return _ClosedDoor()
        connection = Client(self, limits, self._services.clock.monotonic)
        self._connections.add(connection)
        return connection

    def look(self) -> None:
        """Hang up on whoever takes too long. To be called about once a second."""
        for connection in list(self._connections):
            connection.look()

    def break_off(self, windows: Iterable[str] | None = None) -> None:
        """Drop the connections that `windows` are answered on; all of them for None."""
        wanted = None if windows is None else frozenset(windows)
        for connection in list(self._connections):
            if wanted is None or self._answering.get(connection) in wanted:
                connection.abort()

    def admit(self, head: RequestHead) -> Admission:
        """What `head` asks for and who asks. Raises `Refusal`."""
        try:
            return self._admitted(head)
        except Refusal:
            self.turned_away += 1
            raise

    def begin(self, client: Client, request: Request[Admission]) -> None:
        """Answer `request` in a task of its own."""
        if not self._passes.still_good(request.admitted.holder, self._services.clock.monotonic()):
            self.turned_away += 1
            client.refuse(_nobodys_token())
            client.done(stays=False)
            return
        self._answering[client] = request.admitted.holder.window
        self.tasks.start_soon(self._answer, client, request)

    def left(self, client: Client) -> None:
        """The connection is gone."""
        self._connections.discard(client)

    def _admitted(self, head: RequestHead) -> Admission:
        if "upgrade" in head.headers:
            raise Refusal(426, "Only HTTP/1.1 is spoken here, no WebSocket.", {"upgrade": "HTTP/1.1"})
        found = route(head.path, head.headers)
        if found is None:
            raise Refusal(404, "There is no such path.")
        if head.method != found.method:
            raise Refusal(405, f"This path takes {found.method}.", {"allow": found.method})
        holder = self._passes.check(token_of(head.headers), self._services.clock.monotonic())
        if holder is None:
            raise _nobodys_token()
        return Admission(route=self._served(found), holder=holder)

    def _served(self, found: Route) -> Route:
        if found.speech not in self._services.keyrings:
            raise Refusal(404, f"This gateway has no upstream that speaks as {found.speech} does.")
        return found

    async def _answer(self, client: Client, request: Request[Admission]) -> None:
        exchange = Exchange(self._services, client, request)
        try:
            with anyio.CancelScope() as client.scope:
                await exchange.run()
        except Exception:  # one window's request must not end the door for all others
            log.exception("a request of window %s broke the exchange", request.admitted.holder.window)
            exchange.outcome = "broken_off"
        finally:
            self._answering.pop(client, None)
            self.answers[exchange.outcome] += 1
            whole = exchange.outcome in ("answered", "refused")
            if exchange.ends_connection and not whole:
                client.abort()  # hanging up politely would say that the answer is over
            client.done(stays=whole and not exchange.ends_connection)


def _nobodys_token() -> Refusal:
    return Refusal(401, "The token is missing, unknown, expired or revoked: ask whoever started this window.")


class _ClosedDoor(asyncio.BufferedProtocol):
    """What a connection too many gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
