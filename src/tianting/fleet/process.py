"""One process of a window, from its start to the last byte it wrote: without it a window's life would be about sockets.

    start or take → pipe → handshake → read: each batch is told, stored, and only then gone from the socket → drained

Nothing is decided here. All that happens is told as facts, which carry the generation.
"""

import logging
import math
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

from tianting.fleet.drivers.driver import Agent, AgentEvent, Answer, Brief, Driver, DriverError, Prompt
from tianting.fleet.facts import Drained, Fact, Probed, Ready, Refused, Said, Started
from tianting.fleet.intake import Intake, Mark
from tianting.keeper.words import Gone, Held, Start
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

LAST_WORDS = 0.5
"""Seconds between the end of a pipe and the end of its process that need no explanation."""
ASKING = 30.0
"""Seconds in which an agent that is well takes what is written to it."""


class Keeper(Protocol):
    """What a process needs of the keeper: `keeper_link.KeeperLink` as long as it holds."""

    async def start(self, start: Start) -> tuple[Held, socket.socket]:
        """Start a process, and give back our end of its pipe."""
        ...

    async def take(self, window: str, generation: int) -> socket.socket:
        """Our end of its pipe again."""
        ...

    async def end(self, window: str, generation: int, *, grace: float) -> None:
        """TERM, and KILL after `grace` seconds."""
        ...

    async def forget(self, window: str, generation: int) -> None:
        """Its end is noted."""
        ...


class Process:
    """What runs under one generation."""

    def __init__(
        self,
        *,
        window_id: str,
        generation: int,
        keeper: Keeper,
        tell: Callable[[Fact], None],
        found: Held | Gone | None = None,
    ) -> None:
        """`found` is what is known of one that an earlier fleet has started."""
        self.generation = generation
        self.held: Held | None = found if isinstance(found, Held) else None
        self.agent: Agent | None = None
        self.gone: Gone | None = found if isinstance(found, Gone) else None
        self.error: FleetError | None = None
        """Why it could not be talked to."""
        self.is_drained = False
        """All that it said has been read."""
        self.is_cut = False
        """We ended it because it could not be talked to any more: how it ended says nothing."""
        self.is_over = anyio.Event()
        """It has ended, or nobody can reach it."""
        if self.gone is not None:
            self.is_over.set()
        self._window_id = window_id
        self._keeper = keeper
        self._tell = tell
        self._events: list[AgentEvent] = []
        self._reading = anyio.CancelScope()

    async def begin(self, driver: Driver, brief: Brief, start: Start, *, patience: float | None) -> None:
        """Start it, and read to its end. Tells `Drained` last, whatever happens."""

        async def pipe_of() -> socket.socket:
            held, pipe = await self._keeper.start(start)
            self._tell(Started(generation=self.generation, held=held))
            return pipe

        await self._live(driver, brief, pipe_of, None, patience=patience, taken_over=False)

    async def go_on(self, driver: Driver, brief: Brief, mark: Mark | None) -> None:
        """Take over one that an earlier fleet has started, and read to its end."""

        async def pipe_of() -> socket.socket:
            return await self._keeper.take(self._window_id, self.generation)

        marked = None if driver.abilities.terminal else mark  # the pipe to a terminal is a new one
        await self._live(driver, brief, pipe_of, marked, patience=ASKING, taken_over=True)

    async def prompt(self, prompt: Prompt) -> None:
        """Hand it a prompt. That it refuses is told; that it has ended meanwhile is no refusal."""
        error = await self._write(self.agent.prompt(prompt)) if self.agent is not None else None
        if error is None:
            return
        with anyio.move_on_after(LAST_WORDS):
            await self.is_over.wait()
        if not self.is_over.is_set() and not self.is_drained:
            self._tell(Refused(generation=self.generation, error=error))

    async def interrupt(self) -> None:
        """Ask it to end its turn."""
        if self.agent is not None:
            await self._write(self.agent.interrupt())

    async def answer(self, question_id: str, answer: Answer) -> None:
        """Answer what it has asked."""
        if self.agent is not None:
            await self._write(self.agent.answer(question_id, answer))

    async def probe(self, now: Callable[[], float]) -> None:
        """Ask whether it answers, for as long as that takes; the answer is told."""
        since = now()
        try:
            if self.agent is not None:
                await self.agent.probe()
        except (DriverError, OSError) as error:
            log.info("%s cannot be probed: %s", self._window_id, error)
        else:
            self._tell(Probed(generation=self.generation, took=now() - since))

    async def end(self, *, grace: float) -> None:
        """End it, with all that it has started; that it is gone is told by the keeper."""
        try:
            await self._keeper.end(self._window_id, self.generation, grace=grace)
        except FleetError as error:  # a keeper that is lost takes its processes with it
            log.info("%s could not be ended: %s", self._window_id, error)

    async def leave(self, patience: float) -> None:
        """Ask it to end in order, and wait for that, `patience` seconds at most."""
        with anyio.move_on_after(patience):
            try:
                if self.agent is not None:
                    await self.agent.leave()
            except (DriverError, OSError) as error:
                log.info("%s cannot be asked to leave: %s", self._window_id, error)
            else:
                await self.is_over.wait()

    async def forget(self) -> None:
        """Its end is noted."""
        try:
            await self._keeper.forget(self._window_id, self.generation)
        except FleetError as error:  # it never knew it, or is gone itself
            log.debug("%s is not forgotten: %s", self._window_id, error)

    async def cut(self, after: float) -> None:
        """End one that says nothing more, unless it has ended within `after` seconds."""
        with anyio.move_on_after(after):
            await self.is_over.wait()
            return
        self.is_cut = True
        await self.end(grace=0.0)

    async def stop_reading(self, after: float) -> None:
        """Give a pipe that somebody else still holds `after` seconds more."""
        await anyio.sleep(after)
        self._reading.cancel()

    async def _write(self, writing: Awaitable[None]) -> DriverError | None:
        """None where it was taken, and where nobody reads any more: its end, or its silence, is noticed elsewhere."""
        try:
            with anyio.fail_after(ASKING):
                await writing
        except DriverError as error:
            log.info("%s refuses what it is told: %s", self._window_id, error)
            return error
        except OSError as error:  # TimeoutError, too
            log.info("%s did not take what was written to it: %r", self._window_id, error)
        return None

    async def _live(
        self,
        driver: Driver,
        brief: Brief,
        pipe_of: Callable[[], Awaitable[socket.socket]],
        mark: Mark | None,
        *,
        patience: float | None,
        taken_over: bool,
    ) -> None:
        error: FleetError | None = None
        try:
            with self._reading:
                pipe = await pipe_of()
                with pipe:
                    await self._converse(driver, brief, Intake(pipe, mark, self._commit), patience, taken_over)
        except FleetError as failure:
            error = failure
        except OSError as failure:
            error = DriverError(f"The pipe of {self._window_id} broke: {failure}.")
        except Exception as failure:  # a driver has a bug; the fleet must outlive it
            log.exception("the driver of %s broke", self._window_id)
            error = DriverError(f"The driver {driver.kind!r} broke: {failure!r}.")
        await self._commit(None)
        self._tell(Drained(generation=self.generation, error=error))

    async def _converse(
        self, driver: Driver, brief: Brief, pipe: Intake, patience: float | None, taken_over: bool
    ) -> None:
        agent = await self._shake_hands(driver, brief, pipe, patience, taken_over)
        self._tell(Ready(generation=self.generation, agent=agent))
        await agent.run(self._note)

    async def _shake_hands(
        self, driver: Driver, brief: Brief, pipe: Intake, patience: float | None, taken_over: bool
    ) -> Agent:
        try:
            with anyio.fail_after(math.inf if patience is None else patience):
                return await driver.attach(pipe, brief, taken_over=taken_over)
        except TimeoutError:
            raise DriverError(f"It was not ready within {patience:g} s.") from None

    async def _note(self, event: AgentEvent) -> None:
        self._events.append(event)

    async def _commit(self, mark: Mark | None) -> None:
        """Everything told so far is stored, and the mark with it, before the next byte is read."""
        events, self._events = tuple(self._events), []
        if not events and mark is None:
            return
        said = Said(generation=self.generation, events=events, mark=mark, kept=anyio.Event())
        self._tell(said)
        await said.kept.wait()
