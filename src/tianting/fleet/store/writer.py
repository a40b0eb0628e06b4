"""One thread that alone writes the store: the event loop never waits for a disk, and one fsync serves many callers.

    do(work) -> queue (bounded) -> [ BEGIN, work, work, ..., COMMIT ] -> everybody who waited goes on

What waits while one transaction is written makes up the next. A caller goes on when its work is on the disk, or raises.
"""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from tianting.fleet.store.records import StoreError

log = logging.getLogger(__name__)

Work = Callable[[sqlite3.Connection], Any]
"""Statements only: it is done again where the transaction around it failed."""
_T = TypeVar("_T")

_CAPACITY = 1_000
"""Callers at a time; the next ones wait before they may queue."""
_BATCH = 256


class _Job:
    """One caller's work, and how it went."""

    def __init__(self, work: Work, *, durable: bool) -> None:
        self.work = work
        self.durable = durable
        self.done = anyio.Event()
        self.result: Any = None
        self.error: Exception | None = None


class Writer:
    """Writes to `database`, which nobody else uses any more. `close` it where the event loop still runs."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._room = anyio.Semaphore(_CAPACITY)
        self._loop = anyio.lowlevel.current_token()
        self._synchronous = ""
        self._is_closed = False
        # A daemon, so that a program whose event loop was torn down does not hang on it.
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[sqlite3.Connection], _T], *, durable: bool = True) -> _T:
        """Do `work` within a transaction and give back its result once that is committed.

        `durable` waits for the disk; without it a power failure, but not a crash, may take it back. Raises
        `StoreError` where nothing of it was stored. Cancelled, it may be stored or not.
        """
        await self._room.acquire()
        if self._is_closed:
            self._room.release()
            raise StoreError("The store is closed: the fleet is ending.")
        job = _Job(work, durable=durable)
        self._jobs.put(job)
        await job.done.wait()
        if job.error is not None:
            raise job.error
        result: _T = job.result
        return result

    async def close(self) -> None:
        """Write what is queued, then end. May be called again."""
        self._is_closed = True
        self._jobs.put(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join)

    def _run(self) -> None:
        try:
            while jobs := self._waiting():
                self._commit(jobs)
                anyio.from_thread.run_sync(self._tell, jobs, token=self._loop)
        except RuntimeError as error:  # the event loop is gone, and whoever waited with it
            log.debug("the writer of the store ends: %s", error)
        finally:
            self._database.close()

    def _waiting(self) -> list[_Job]:
        """What there is to do; empty at the end."""
        jobs = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _BATCH or self._jobs.empty():
                return jobs
            job = self._jobs.get()
        if jobs:
            self._jobs.put(None)
        return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            self._prepare(durable=any(job.durable for job in jobs))
            self._database.execute("BEGIN IMMEDIATE")
            results = [job.work(self._database) for job in jobs]
            self._database.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            self._after_failure(jobs, error)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.result, job.error = result, None

    def _after_failure(self, jobs: list[_Job], error: Exception) -> None:
        """Nothing of `jobs` is stored. One by one, only those fail that must."""
        if len(jobs) > 1:
            for job in jobs:
                self._commit([job])
        else:
            jobs[0].error = explained(error) if isinstance(error, sqlite3.Error) else error

    def _prepare(self, *, durable: bool) -> None:
        synchronous = "FULL" if durable else "NORMAL"
        if synchronous != self._synchronous:
            self._database.execute(f"PRAGMA synchronous = {synchronous}")
            self._synchronous = synchronous

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            try:
                self._database.execute("ROLLBACK")
            except sqlite3.Error as error:  # the transaction is over all the same
                log.warning("the store could not roll back: %s", error)

    def _tell(self, jobs: list[_Job]) -> None:
        for job in jobs:
            job.done.set()
            self._room.release()


def explained(error: sqlite3.Error) -> StoreError:
    """`error` in words a person can act on."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StoreError("The disk of the store is full: nothing is accepted until there is room.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreError(f"The store is damaged ({error}): start the fleet again, and it is rebuilt.")
        case _:
            return StoreError(f"The store cannot be written: {error}.")
