"""Holds on to a keeper, whatever becomes of it: without it the death of that small process would end the fleet, too.

open → its link is read, ends are told → the link breaks → open again (launch, if it is gone) → compare → go on
"""

import logging
import socket
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from typing import Protocol

import anyio
from anyio.abc import TaskStatus

from tianting.fleet.process import Keeper
from tianting.keeper.words import Gone, Held, Start
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)


class Link(Keeper, Protocol):
    """One connection: `keeper_link.KeeperLink`."""

    @property
    def exits(self) -> AsyncIterable[Gone]:
        """Every end as it happens."""
        ...

    async def run(self) -> None:
        """Read what the keeper says."""
        ...

    async def roster(self) -> tuple[list[Held], list[Gone]]:
        """Who runs, and who has ended."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


Open = Callable[[], Awaitable[Link]]
"""Connects to the keeper, and launches one where there is none. Raises `FleetError`."""

REOPENING = 60.0
"""Seconds in which a question waits for a new keeper."""
STRAY_GRACE = 2.0
"""Seconds that a process has to end in order which nobody can talk to any more."""
_BETWEEN_TRIES = 1.0


class Keeping:
    """A keeper that comes back. Run `run`; the other methods are those of `process.Keeper`."""

    def __init__(
        self,
        open_link: Open,
        *,
        gone: Callable[[Gone], None],
        compare: Callable[[Sequence[Held], Sequence[Gone]], Awaitable[None]],
    ) -> None:
        self._open_link = open_link
        self._gone = gone
        """Told of each end."""
        self._compare = compare
        """Told who is there, each time that a link is new."""
        self._link: Link | None = None
        self._linked = anyio.Event()
        self._is_under_way = False

    async def run(self, link: Link, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep `link`, and those that follow it, until cancelled; started once the first was compared."""
        while True:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(link.run)
                await self._serve(link, task_status)
                tasks.cancel_scope.cancel()
            link = await self._reopened()

    async def start(self, start: Start) -> tuple[Held, socket.socket]:
        """See `KeeperLink`."""
        return await (await self._current()).start(start)

    async def take(self, window: str, generation: int) -> socket.socket:
        """See `KeeperLink`."""
        return await (await self._current()).take(window, generation)

    async def end(self, window: str, generation: int, *, grace: float) -> None:
        """See `KeeperLink`."""
        await (await self._current()).end(window, generation, grace=grace)

    async def forget(self, window: str, generation: int) -> None:
        """See `KeeperLink`."""
        await (await self._current()).forget(window, generation)

    async def end_stray(self, stray: Held) -> None:
        """End a process that no window owns: a standby of an earlier fleet's, or one that it had no time to note."""
        log.info("ending a process that no window owns: %s, generation %d", stray.window, stray.generation)
        try:
            await self.end(stray.window, stray.generation, grace=STRAY_GRACE)
            await self.forget(stray.window, stray.generation)
        except FleetError as error:
            log.warning("it could not be ended: %s", error)

    async def forget_stray(self, gone: Gone) -> None:
        """Nobody asks any more how it ended."""
        try:
            await self.forget(gone.window, gone.generation)
        except FleetError as error:  # then it is known no longer, which is what was wanted
            log.info("the end of %s could not be forgotten: %s", gone.window, error)

    async def _serve(self, link: Link, task_status: TaskStatus[None]) -> None:
        """Until the link breaks."""
        try:
            running, ended = await link.roster()
            self._link = link
            self._linked.set()
            await self._compare(running, ended)
            if not self._is_under_way:
                self._is_under_way = True
                task_status.started()
            async for gone in link.exits:
                self._gone(gone)
        except FleetError as error:
            log.warning("the keeper went away: %s", error)
        finally:
            self._link, self._linked = None, anyio.Event()
            await link.close()

    async def _reopened(self) -> Link:
        while True:
            try:
                return await self._open_link()
            except FleetError as error:
                log.warning("there is no keeper: %s", error)
                await anyio.sleep(_BETWEEN_TRIES)

    async def _current(self) -> Link:
        with anyio.move_on_after(REOPENING):
            while self._link is None:
                await self._linked.wait()
            return self._link
        raise FleetError(f"There has been no keeper for {REOPENING:g} s.")
