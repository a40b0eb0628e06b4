"""What is known of one window, stored before it is told: otherwise a follower could see what a crash takes back.

A disk that is full stops nothing but this window's pipe: what cannot be stored is tried again, and meanwhile the words
of the agent wait where they are.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio
from msgspec import structs

from tianting.fleet.intake import Mark
from tianting.fleet.store.records import Heartbeat, LoggedEvent, StoredEvent, StoreError, WindowMoved
from tianting.fleet.store.store import Store
from tianting.fleet.verdicts.parking import remaining
from tianting.fleet.window import Status, Window, moved, reborn
from tianting.fleet.window_log import WindowLog
from tianting.plumbing.clock import Clock

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_BETWEEN_TRIES = 1.0
"""Seconds. A person makes room on the disk meanwhile; the log says so each time."""


class Record:
    """The window, its log, and the way of both into the store."""

    def __init__(self, window: Window, store: Store, clock: Clock) -> None:
        self.window = window
        self.log = WindowLog(window.window_id, store)
        self._numbered = window.generation
        self._store = store
        self._clock = clock

    async def move(self, status: Status, reason: str = "", **changes: Any) -> None:
        """The window's next status, with what else changes in it. Raises `ImpossibleMove`."""
        await self._keep(structs.replace(moved(self.window, status, self._clock.now(), reason), **changes))

    async def succeed(self, generation: int, reason: str = "", **changes: Any) -> None:
        """The next process, of this number, is the window's from now on."""
        window = reborn(self.window, self._clock.now(), reason, generation=generation)
        await self._keep(structs.replace(window, **changes))

    def next_number(self) -> int:
        """A generation that no process of this window has had."""
        self._numbered += 1
        return self._numbered

    def numbered(self, generation: int) -> None:
        """There has been a process of this number."""
        self._numbered = max(self._numbered, generation)

    async def claim(self, owner: str) -> None:
        """Nobody's window becomes somebody's, as new as if it had just been asked for."""
        now = self._clock.now()
        await self._keep(structs.replace(self.window, is_spare=False, owner=owner, created_at=now))

    def note(self, **changes: Any) -> None:
        """What is stored with the next move is early enough."""
        self.window = structs.replace(self.window, **changes)

    def rest(self) -> float:
        """Seconds until a parked window wakes; endless for one that does not by itself."""
        until = self.window.parked_until
        return math.inf if until is None else remaining(until, self.window.since, self._clock.now())

    async def said(self, events: Sequence[LoggedEvent], mark: Mark | None, answered: Sequence[str] = ()) -> None:
        """What the agent said, how far its pipe has been read with it, and which prompts it answers: all or nothing."""
        window_id, generation = self.window.window_id, self.window.generation
        numbers = await self.insist(
            lambda: self._store.append(window_id, generation, events, mark=mark, answered=answered)
        )
        at = self._clock.now()
        self.log.add(
            *(
                StoredEvent(sequence=number, generation=generation, at=at, event=event)
                for number, event in zip(numbers, events, strict=True)
            )
        )

    async def delivered(self, prompt_uuid: str) -> None:
        """A prompt is on its way to the process that runs."""
        generation = self.window.generation
        await self.insist(lambda: self._store.delivered(prompt_uuid, generation))

    async def beat(self, took: float) -> None:
        """It has answered a probe, `took` seconds after it was asked."""
        self.note(last_heartbeat=self._clock.now())
        beat = Heartbeat(
            window_id=self.window.window_id,
            generation=self.window.generation,
            at=self.window.last_heartbeat,
            took=took,
        )
        await self.insist(lambda: self._store.heartbeat((beat,)))

    async def insist(self, write: Callable[[], Awaitable[_T]]) -> _T:
        """Write until it is written."""
        while True:
            try:
                return await write()
            except StoreError as error:
                log.warning("window %s waits for its store: %s", self.window.window_id, error)
                await anyio.sleep(_BETWEEN_TRIES)

    async def _keep(self, window: Window) -> None:
        number = await self.insist(lambda: self._store.record_move(window))
        self.window = window
        move = WindowMoved(
            status=window.status, reason=window.reason, question=window.question, parked_until=window.parked_until
        )
        self.log.add(StoredEvent(sequence=number, generation=window.generation, at=window.since, event=move))
