"""One window without a fleet: starts what a driver wants started, plays the keeper, and remembers what is told."""

import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import anyio
from anyio.abc import Process

from tianting.fleet.drivers.driver import Agent, AgentEvent, Brief, ConversationKnown, Driver, Launch, Prompt, TurnDone
from tianting.fleet.intake import Intake, Mark
from tianting.protocol.ids import random_uuid

PATIENCE = 30
"""Seconds: the slowest real agent starts in half of one, but not on a machine that runs ten tests at once."""
Event = TypeVar("Event", bound=AgentEvent)


class Window:
    """A process, and the agent in it."""

    def __init__(self, conversation_id: str, mark: Mark | None) -> None:
        self.process: Process
        """Where the test itself has started it."""
        self.agent: Agent
        self.events: list[AgentEvent] = []
        self.stored: list[AgentEvent] = []
        """What would still be known if the fleet died now."""
        self.mark = mark
        """How far the socket was read then."""
        self.conversation_id = conversation_id
        self.ended = anyio.Event()
        self._told = anyio.Event()

    async def commit(self, mark: Mark) -> None:
        """As a store does."""
        self.stored = list(self.events)
        self.mark = mark

    async def run(self) -> None:
        await self.agent.run(self._tell)
        self.ended.set()

    async def prompt(self, text: str) -> str:
        """Hand a prompt over; gives its uuid."""
        uuid = random_uuid()
        await self.agent.prompt(Prompt(text=text, uuid=uuid))
        return uuid

    async def until(self, kind: type[Event], count: int = 1) -> Event:
        """The `count`th event of this kind, now or later."""
        with anyio.fail_after(PATIENCE):
            while len(found := self.all(kind)) < count:
                await self._told.wait()
        return found[count - 1]

    async def turn(self, text: str) -> TurnDone:
        """The outcome of a prompt."""
        done = len(self.all(TurnDone))
        await self.prompt(text)
        return await self.until(TurnDone, done + 1)

    def all(self, kind: type[Event]) -> list[Event]:
        """The events of this kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def kill(self) -> None:
        """As the kernel would, and with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def _tell(self, event: AgentEvent) -> None:
        self.events.append(event)
        if isinstance(event, ConversationKnown):
            self.conversation_id = event.conversation_id
        told, self._told = self._told, anyio.Event()
        told.set()


@contextlib.asynccontextmanager
async def window(driver: Driver, brief: Brief, way_in: tuple[str, ...] = ()) -> AsyncIterator[Window]:
    """A window that is ready; killed at the end of the block. `way_in` is a command that executes what follows it."""
    async with (
        started(driver.launch(brief), way_in) as (process, sock),
        attended(driver, brief, sock) as opened,
    ):
        opened.process = process
        try:
            yield opened
        finally:
            opened.kill()


@contextlib.asynccontextmanager
async def started(launch: Launch, way_in: tuple[str, ...] = ()) -> AsyncIterator[tuple[Process, socket.socket]]:
    """What the keeper does."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs, Path(launch.cwd).with_name("stderr.log").open("ab") as log:
            process = await anyio.open_process(
                [*way_in, *launch.argv],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=log,
                env=launch.environment,
                cwd=launch.cwd,
                start_new_session=True,
            )
        try:
            yield process, ours
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with anyio.CancelScope(shield=True):
                await process.wait()


@contextlib.asynccontextmanager
async def attended(
    driver: Driver,
    brief: Brief,
    sock: socket.socket,
    *,
    mark: Mark | None = None,
    taken_over: bool = False,
) -> AsyncIterator[Window]:
    """What a fleet does, from the handshake to its own end; the process may outlive it. `mark` is its predecessor's."""
    opened = Window(brief.conversation_id, mark)
    with anyio.fail_after(PATIENCE):
        opened.agent = await driver.attach(Intake(sock, mark, opened.commit), brief, taken_over=taken_over)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(opened.run)
        yield opened
        tasks.cancel_scope.cancel()
