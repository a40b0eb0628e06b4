"""From a request to its reply: without it the socket would have to know conversations, and conversations the socket.

    line → read_request → status: at once, from memory │ config: kept, at once │ ask: in its own time

The fleet may still be loading: status is told meanwhile, and all else waits for it.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, assert_never

import anyio
from msgspec import structs

from tianting.daemon.conversations import Conversation
from tianting.daemon.outcomes import Outcome, Piece, Tell
from tianting.daemon.peers import Peer, directory_of
from tianting.daemon.pulse import Pulse
from tianting.daemon.words import (
    DEFAULT,
    Ask,
    BadRequest,
    Configure,
    ConversationStatus,
    Delta,
    Hold,
    Reply,
    Request,
    Status,
    Switch,
    TellStatus,
    id_of,
    read_request,
)

log = logging.getLogger(__name__)

TellDelta = Callable[[Delta], Awaitable[None]]

LOADING = 30.0
"""Seconds in which the fleet is there, or will not be."""
_STILL_STARTING = Reply(success=False, error="The daemon is still starting: ask again, and see `tianting daemon logs`.")


class Talks(Protocol):
    """Who knows the conversations: `talking.Talk`."""

    async def ask(self, question: Ask, name: str, cwd: str, tell: Tell) -> Outcome:
        """Never raises but for bugs."""
        ...

    def conversation(self, name: str, cwd: str) -> Conversation:
        """As it is, or as it would begin."""
        ...

    def change(self, conversation: Conversation) -> None:
        """Have it like this. Raises `OSError`."""
        ...

    def shown(self) -> tuple[ConversationStatus, ...]:
        """All of them."""
        ...

    async def sleep(self) -> None:
        """End all agents in order; the conversations stay."""
        ...


class Desk:
    """Answers for all clients of one daemon."""

    def __init__(self, pulse: Pulse, *, version: str, agent: str, home: str, hold: Callable[[int], None]) -> None:
        """`hold` is told of processes that want the daemon to stay; `home` is where one works who is nowhere."""
        self._pulse = pulse
        self._version = version
        self._agent = agent
        self._home = home
        self._hold = hold
        self._since = time.time()
        self._talks: Talks | None = None
        self._opened = anyio.Event()
        self._asked = 0
        self._answered = 0
        self._failed = 0

    def open(self, talks: Talks) -> None:
        """From now on questions are answered."""
        self._talks = talks
        self._opened.set()

    async def answer(self, line: bytes, peer: Peer, tell: TellDelta, *, clients: int) -> Reply:
        """The one reply to `line`. Whatever it holds, this returns; only cancellation gets out."""
        try:
            return await self._do(read_request(line), peer, tell, clients)
        except BadRequest as error:
            reply = Reply(success=False, error=str(error))
        except OSError as error:
            log.warning("a request could not be done: %s", error)
            reply = Reply(success=False, error=f"The system says: {error.strerror or error}.")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise  # the client has gone: there is nobody to reply to
        except Exception:  # a bug in answering one client must not end the others
            log.exception("a request could not be answered")
            reply = Reply(success=False, error="The daemon has a bug: `tianting daemon logs` says more.")
        return structs.replace(reply, id=id_of(line))

    async def _do(self, request: Request, peer: Peer, tell: TellDelta, clients: int) -> Reply:
        match request:
            case TellStatus():
                return Reply(success=True, response=self._state(), status=self.status(clients))
            case Hold():
                self._hold(peer.pid)
                return Reply(success=True, response="held")
            case Ask() | Configure() | Switch():
                with anyio.move_on_after(LOADING):
                    await self._opened.wait()
                return await self._talk(request, peer, tell)
            case _:
                assert_never(request)

    async def _talk(self, request: Ask | Configure | Switch, peer: Peer, tell: TellDelta) -> Reply:
        if self._talks is None:
            return _STILL_STARTING
        name = request.conversation or peer.conversation
        match request:
            case Ask():
                return await self._ask(self._talks, request, name, peer, tell)
            case Configure(effort=effort):
                return self._configure(self._talks, name, peer, effort)
            case Switch():
                return self._switch(self._talks, name, peer, request)
            case _:
                assert_never(request)

    async def _ask(self, talks: Talks, question: Ask, name: str, peer: Peer, tell: TellDelta) -> Reply:
        async def pass_on(piece: Piece) -> None:
            if question.stream:
                await tell(Delta(delta=piece.text, reasoning_delta=piece.reasoning))

        self._asked += 1
        cwd = question.cwd or directory_of(peer) or self._home
        outcome = await talks.ask(question, name, cwd, pass_on)
        self._answered += outcome.error is None
        self._failed += outcome.error is not None
        return Reply(
            success=outcome.error is None,
            response=outcome.text if outcome.error is None else None,
            error=outcome.error,
            conversation=name,
            reasoning=outcome.reasoning,
            declined=outcome.declined,
            id=question.id,
        )

    def _configure(self, talks: Talks, name: str, peer: Peer, effort: str | None) -> Reply:
        known = talks.conversation(name, directory_of(peer) or self._home)
        if effort is not None:
            known = structs.replace(known, effort=None if effort == DEFAULT else effort)
            talks.change(known)
        return Reply(success=True, response=f"effort: {known.effort or DEFAULT}", conversation=name)

    def _switch(self, talks: Talks, name: str, peer: Peer, wish: Switch) -> Reply:
        known = talks.conversation(name, directory_of(peer) or self._home)
        if wish.on is not None:
            known = structs.replace(known, **{wish.what: wish.on})
            talks.change(known)
        is_on = known.reasoning if wish.what == "reasoning" else known.final_only
        return Reply(success=True, response=f"{wish.what}: {'on' if is_on else 'off'}", conversation=name)

    def _state(self) -> str:
        return "starting" if self._talks is None else "ready"

    def status(self, clients: int) -> Status:
        """How the daemon is."""
        return Status(
            state="starting" if self._talks is None else "ready",
            version=self._version,
            agent=self._agent,
            pid=self._pulse.pid,
            since=self._since,
            heartbeat=self._pulse.beat,
            lag=self._pulse.lag,
            clients=clients,
            asked=self._asked,
            answered=self._answered,
            failed=self._failed,
            memory=self._pulse.memory,
            descriptors=self._pulse.descriptors,
            conversations=() if self._talks is None else self._talks.shown(),
        )
