"""The fleet's memory, in one SQLite file: without it a fleet that was killed would not know its windows any more.

    async with open_store(path, clock) as store:      one fleet a store; the second is refused
        await store.record_move(window)               returns once it is on the disk
        page = await store.events("w1", after=17, limit=100)

Whatever returned is kept, through a crash of this program and of the machine. One thread writes (`store_writer`),
readers have a connection of their own, and the event loop waits for no disk.
"""

import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from tianting.fleet.drivers.driver import Launch, Prompt
from tianting.fleet.intake import Mark
from tianting.fleet.store import events as store_events
from tianting.fleet.store import history as store_history
from tianting.fleet.store import prompts as store_prompts
from tianting.fleet.store import tasks as store_tasks
from tianting.fleet.store.events import Batch
from tianting.fleet.store.lock import held
from tianting.fleet.store.records import (
    Deed,
    Generation,
    Heartbeat,
    LoggedEvent,
    Page,
    PendingPrompt,
    Retention,
    Snapshot,
    StoreError,
    WindowMoved,
)
from tianting.fleet.store.repair import open_sound, open_to_read
from tianting.fleet.store.writer import Writer, explained
from tianting.fleet.tasks import KeptTask, TaskBook
from tianting.fleet.window import Window
from tianting.plumbing.clock import Clock

_T = TypeVar("_T")

_BETWEEN_CLEANINGS = 60.0
"""Seconds; done with whatever is written next."""


class Store:
    """What the fleet must still know after it was killed. Every method raises `StoreError` where the disk fails."""

    def __init__(self, writer: Writer, reader: sqlite3.Connection, clock: Clock, retention: Retention) -> None:
        self._writer = writer
        self._reader = reader
        self._one_reader = anyio.CapacityLimiter(1)
        self._clock = clock
        self._retention = retention
        self._clean_at = clock.monotonic()

    async def record_move(self, window: Window) -> int:
        """Keep `window` as it is now, and put the move into its log. Gives back the move's number there."""
        move = WindowMoved(
            status=window.status, reason=window.reason, question=window.question, parked_until=window.parked_until
        )
        batch = self._batch(window.window_id, window.generation, (move,))

        def work(database: sqlite3.Connection) -> int:
            store_events.keep_window(database, window)
            store_history.note_process(database, window)
            return store_events.append(database, batch, self._retention.events)[-1]

        return await self._write(work)

    async def append(
        self,
        window_id: str,
        generation: int,
        events: Sequence[LoggedEvent],
        *,
        mark: Mark | None = None,
        delivered: Sequence[str] = (),
        answered: Sequence[str] = (),
    ) -> range:
        """Keep what an agent said and what follows from it, in one transaction, and give back the events' numbers.

        `mark` is the intake's note of how far it has read, `delivered` and `answered` are uuids of prompts. Raises
        `StoreError` for a window that was never recorded, too.
        """
        batch = self._batch(window_id, generation, events, mark, delivered, answered)

        def work(database: sqlite3.Connection) -> range:
            store_prompts.delivered(database, delivered, generation)
            store_prompts.answered(database, answered, batch.at)
            return store_events.append(database, batch, self._retention.events)

        try:
            return await self._write(work)
        except LookupError:
            raise StoreError(f"There is no window {window_id!r} in the store.") from None

    async def events(self, window_id: str, *, after: int = 0, limit: int = 1_000) -> Page:
        """The log of a window after the event `after`, oldest first; empty for a window that is not known.

        At most `limit` events and some megabytes: ask again after the last one until the page's `last` is reached.
        """
        return await self._read(partial(store_events.read, window_id=window_id, after=after, limit=limit))

    async def snapshot(self, window_id: str) -> Snapshot | None:
        """A window and the number of its newest event, of one moment; None where it is not known."""
        return await self._read(partial(store_events.snapshot, window_id=window_id))

    async def windows(self) -> tuple[Window, ...]:
        """All windows, in the order of their ids."""
        return await self._read(store_events.all_windows)

    async def mark(self, window_id: str, generation: int) -> Mark | None:
        """The mark that was stored last for the pipe of this generation."""
        return await self._read(partial(store_events.last_mark, window_id=window_id, generation=generation))

    async def forget(self, window_id: str) -> None:
        """Drop everything about a window but the audit: it is destroyed."""
        await self._write(partial(store_events.forget_window, window_id=window_id))

    async def launched(self, window: Window, launch: Launch) -> None:
        """A process of `window` is to be started. Of its environment only the names are kept."""
        await self._write(partial(store_history.note_launch, window=window, launch=launch, at=self._clock.now()))

    async def ended(self, window_id: str, generation: int, failure: str) -> None:
        """A process is over; `failure` is the fleet's word for why."""
        now = self._clock.now()
        await self._write(
            partial(store_history.note_end, window_id=window_id, generation=generation, failure=failure, at=now)
        )

    async def generations(self, window_id: str) -> tuple[Generation, ...]:
        """The processes that a window had, oldest first."""
        return await self._read(partial(store_history.generations, window_id=window_id))

    async def accept(self, window_id: str, prompt: Prompt) -> bool:
        """Promise that `prompt` will be answered. False where this uuid was accepted before: then nothing changed."""
        return await self._write(
            partial(store_prompts.accept, window_id=window_id, prompt=prompt, at=self._clock.now())
        )

    async def delivered(self, uuid: str, generation: int) -> None:
        """The process of `generation` has the prompt."""
        await self._write(partial(store_prompts.delivered, uuids=(uuid,), generation=generation))

    async def answered(self, uuid: str) -> None:
        """The prompt is done with, whatever the answer was."""
        await self._write(partial(store_prompts.answered, uuids=(uuid,), at=self._clock.now()))

    async def pending(self, window_id: str) -> tuple[PendingPrompt, ...]:
        """The prompts of a window that have no answer yet, oldest first."""
        return await self._read(partial(store_prompts.pending, window_id=window_id))

    async def keep_task(self, task: KeptTask) -> None:
        """Keep a task as it is now."""
        await self._write(partial(store_tasks.keep, task=task))

    async def task(self, task_id: str) -> KeptTask | None:
        """A task that has ended or not; None where it is not known."""
        return await self._read(partial(store_tasks.find, task_id=task_id))

    async def tasks(self) -> TaskBook:
        """The tasks that have not ended, and what windows had tasks."""
        return await self._read(store_tasks.book)

    async def heartbeats(self, window_id: str, limit: int = 100) -> tuple[Heartbeat, ...]:
        """The newest of a window, newest first."""
        return await self._read(partial(store_history.heartbeats, window_id=window_id, limit=limit))

    async def heartbeat(self, beats: Sequence[Heartbeat]) -> None:
        """Note proofs of life, of all windows at once. A power failure may cost the last ones."""
        await self._write(partial(store_history.note_heartbeats, beats=beats), durable=False)

    async def audit(self, actor: str, action: str, *, window_id: str = "", detail: str = "") -> None:
        """Note who did what. `detail` must hold no secret: whoever may see the audit sees it."""
        deed = Deed(at=self._clock.now(), actor=actor, action=action, window_id=window_id, detail=detail)
        await self._write(partial(store_history.note_deed, deed=deed))

    async def audited(self, limit: int = 100) -> tuple[Deed, ...]:
        """The newest entries of the audit, newest first."""
        return await self._read(partial(store_history.deeds, limit=limit))

    def _batch(
        self,
        window_id: str,
        generation: int,
        events: Sequence[LoggedEvent],
        mark: Mark | None = None,
        delivered: Sequence[str] = (),
        answered: Sequence[str] = (),
    ) -> Batch:
        return Batch(
            window_id=window_id,
            generation=generation,
            at=self._clock.now(),
            events=events,
            mark=mark,
            delivered=delivered,
            answered=answered,
        )

    async def _write(self, work: Callable[[sqlite3.Connection], _T], *, durable: bool = True) -> _T:
        if self._clock.monotonic() >= self._clean_at:
            self._clean_at = self._clock.monotonic() + _BETWEEN_CLEANINGS
            work = self._with_cleaning(work)
        return await self._writer.do(work, durable=durable)

    def _with_cleaning(self, work: Callable[[sqlite3.Connection], _T]) -> Callable[[sqlite3.Connection], _T]:
        now = self._clock.now()

        def both(database: sqlite3.Connection) -> _T:
            store_events.forget_old(database, self._retention, now)
            return work(database)

        return both

    async def _read(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        def ask() -> _T:
            # Within one transaction two statements see the same moment.
            self._reader.execute("BEGIN")
            try:
                return question(self._reader)
            finally:
                self._reader.execute("COMMIT")

        try:
            return await anyio.to_thread.run_sync(ask, limiter=self._one_reader)
        except sqlite3.Error as error:
            raise explained(error) from error


@asynccontextmanager
async def open_store(path: Path, clock: Clock, retention: Retention | None = None) -> AsyncGenerator[Store, None]:
    """The store at `path`, made if it is missing, readable by its owner alone.

    Raises `StoreError` where another fleet has it, saying which, or where it cannot be opened. A damaged file is moved
    aside and rebuilt from what can be read.
    """
    with held(path.with_name(path.name + ".lock"), clock.now()):
        database = await anyio.to_thread.run_sync(open_sound, path, clock.now())
        writer = Writer(database)
        try:
            reader = open_to_read(path)
            try:
                yield Store(writer, reader, clock, retention or Retention())
            finally:
                reader.close()
        finally:
            await writer.close()
