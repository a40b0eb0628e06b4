"""An agent that is running, and everything that it told."""

import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

import anyio

from tianting.fleet.drivers.driver import Agent, AgentEvent, Prompt, TurnDone

Event = TypeVar("Event", bound=AgentEvent)


class Heard:
    """What was told so far."""

    def __init__(self) -> None:
        self.events: list[AgentEvent] = []
        self._news = anyio.Condition()

    async def tell(self, event: AgentEvent) -> None:
        async with self._news:
            self.events.append(event)
            self._news.notify_all()

    async def until(self, kind: type[Event], *, count: int = 1) -> Event:
        """The `count`th event of a kind, once it has come."""
        with anyio.fail_after(20):
            async with self._news:
                while len(found := self.of(kind)) < count:
                    await self._news.wait()
        return found[count - 1]

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def answer(self, *, count: int = 1) -> str:
        """The words with which a turn ended well."""
        done = await self.until(TurnDone, count=count)
        assert done.fault is None, done
        return done.text


@contextlib.asynccontextmanager
async def live(agent: Agent) -> AsyncIterator[Heard]:
    """Let `agent` run to the end of the block, or of its process."""
    heard = Heard()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(agent.run, heard.tell)
        yield heard
        tasks.cancel_scope.cancel()


def prompt(text: str) -> Prompt:
    """A prompt whose name tells it apart."""
    return Prompt(text=text, uuid=f"uuid-of-{text}")
