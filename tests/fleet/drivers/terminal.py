"""A window in a real terminal, without a fleet: opens the pane, connects, and remembers what is told."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import anyio

from tianting.fleet.drivers.driver import Agent, AgentEvent, Brief, Prompt, TurnDone
from tianting.fleet.drivers.tmux import OPTION, TmuxDriver, mark
from tianting.fleet.intake import Intake, Mark
from tianting.plumbing.tmux import Held, Opening, TmuxServer

PATIENCE = 30
"""Seconds: the slowest real agent starts in two, but not on a machine that runs ten tests at once."""
Event = TypeVar("Event", bound=AgentEvent)


class Window:
    """The agent in a pane, and what it has told."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.events: list[AgentEvent] = []
        self.ended = anyio.Event()
        self._told = anyio.Event()

    async def run(self) -> None:
        await self.agent.run(self._tell)
        self.ended.set()

    async def until(self, kind: type[Event], count: int = 1) -> Event:
        """The `count`th event of this kind, now or later."""
        with anyio.fail_after(PATIENCE):
            while len(found := self.all(kind)) < count:
                await self._told.wait()
        return found[count - 1]

    async def turn(self, text: str) -> TurnDone:
        """The outcome of a prompt."""
        done = len(self.all(TurnDone))
        await self.agent.prompt(Prompt(text=text, uuid=f"p{done + 1}"))
        return await self.until(TurnDone, done + 1)

    def all(self, kind: type[Event]) -> list[Event]:
        """The events of this kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def _tell(self, event: AgentEvent) -> None:
        self.events.append(event)
        told, self._told = self._told, anyio.Event()
        told.set()


@contextlib.asynccontextmanager
async def terminals(folder: Path) -> AsyncIterator[TmuxServer]:
    """A server of its own, which does not outlive the block."""
    server = TmuxServer(folder / "tmux", option=OPTION)
    try:
        yield server
    finally:
        with anyio.CancelScope(shield=True):
            for held in await server.windows():
                await server.end(held, grace=0)


async def opened(
    server: TmuxServer, driver: TmuxDriver, brief: Brief, way_in: tuple[str, ...] = (), width: int = 100
) -> Held:
    """The pane of `brief`. `way_in` is a command that executes what follows it."""
    launch = driver.launch(brief)
    assert launch.terminal
    return await server.open(
        Opening(
            session=brief.window_id,
            mark=mark(brief.window_id, brief.generation),
            argv=(*way_in, *launch.argv),
            cwd=launch.cwd,
            environment=launch.environment,
            width=width,
            height=40,
        )
    )


@contextlib.asynccontextmanager
async def watched(
    server: TmuxServer, held: Held, driver: TmuxDriver, brief: Brief, *, taken_over: bool = False
) -> AsyncIterator[Window]:
    """The window while it is watched; it goes on behind the block."""
    with contextlib.closing(server.connect(held)) as connection:
        with anyio.fail_after(PATIENCE):
            agent = await driver.attach(Intake(connection.socket, None, _forget), brief, taken_over=taken_over)
        window = Window(agent)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(window.run)
            try:
                yield window
            finally:
                tasks.cancel_scope.cancel()


async def _forget(_: Mark) -> None:
    """No fleet will come after us."""
