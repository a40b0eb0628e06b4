"""One window's user, who never stops asking, survives the fleet's deaths, and hears every answer."""

import random
import time

import anyio

from chaos.answering import NUMBER
from chaos.ledger import Ledger, Turn
from chaos.site import Site
from tianting.fleet.door.client import FleetClient, knock
from tianting.fleet.door.words import Accepted, Follow, Happened, Send
from tianting.fleet.store.records import PromptDone
from tianting.protocol.errors import FleetError

WRITES_EVERY = 4
"""Of so many prompts one has the agent write."""
_BETWEEN = 0.1


class Talker:
    """Of one window. `run` it until cancelled, and `leave` to let it ask nothing more."""

    def __init__(self, site: Site, window: str, ledger: Ledger, *, writes: bool, pause: float, seed: int) -> None:
        """`pause`: the most seconds between an answer and the next prompt."""
        self.window = window
        self.unacknowledged = 0
        """Prompts of which nobody said whether they were taken: the fleet died."""
        self.refused: list[str] = []
        self._site = site
        self._ledger = ledger
        self._writes = writes
        self._pause = pause
        self._chance = random.Random(f"{seed} {window}")
        self._client: FleetClient | None = None
        self._there = anyio.Event()
        self._last = 0
        self._asked = 0
        self._leaving = anyio.Event()
        self.has_left = anyio.Event()
        """It asks nothing more, and has heard all its answers."""

    async def run(self) -> None:
        """Hear and ask."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._hear)
            tasks.start_soon(self._ask)

    def leave(self) -> None:
        """Ask nothing more; what was asked is still heard."""
        self._leaving.set()

    async def _hear(self) -> None:
        while True:
            try:
                async with knock(self._site.door) as client:
                    await self._hear_from(client)
            except FleetError:
                pass
            await anyio.sleep(_BETWEEN)

    async def _hear_from(self, client: FleetClient) -> None:
        self._client = client
        self._there.set()
        try:
            async for happened in client.stream(Follow(window=self.window, after=self._last), Happened):
                self._last = happened.stored.sequence
                if isinstance(happened.stored.event, PromptDone):
                    self._ledger.done(happened.stored.event, time.monotonic())
        except FleetError:
            pass
        finally:
            self._client, self._there = None, anyio.Event()

    async def _ask(self) -> None:
        while not self._leaving.is_set():
            client = await self._connected()
            if client is not None:
                await self._turn(client)
            with anyio.move_on_after(self._chance.uniform(0, self._pause)):
                await self._leaving.wait()
        self.has_left.set()

    async def _connected(self) -> FleetClient | None:
        while self._client is None:
            await self._there.wait()
        return self._client

    async def _turn(self, client: FleetClient) -> None:
        self._asked += 1
        number = f"[{self.window}-{self._asked}]"
        assert NUMBER.fullmatch(number)
        writes = self._writes and self._asked % WRITES_EVERY == 1
        try:
            text = f"{'Write' if writes else 'Say'} {number}"
            accepted = await client.ask(Send(window=self.window, text=text), Accepted)
        except FleetError as error:
            self._unsent(str(error))
            return
        turn = Turn(window=self.window, number=number, at=time.monotonic(), writes=writes)
        self._ledger.accepted(accepted.prompt, turn)
        await self._ledger.ended(accepted.prompt)

    def _unsent(self, why: str) -> None:
        if "fleet" in why.lower():
            self.unacknowledged += 1
        else:
            self.refused.append(why)
