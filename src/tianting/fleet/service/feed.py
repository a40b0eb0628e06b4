"""What happens in all windows, in one stream: whoever watches a fleet would have to follow each window otherwise.

Each window has one follower here, and each listener a line of what it has not heard yet. One that falls too far behind
is let go rather than waited for.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct

from tianting.fleet.store.records import StoredEvent
from tianting.fleet.windows import WindowManager

log = logging.getLogger(__name__)

UNHEARD = 20_000
"""Events that a listener may be behind."""


class News(Struct, frozen=True, kw_only=True):
    """One event of one window."""

    window_id: str
    stored: StoredEvent


class Feed:
    """Of one fleet."""

    def __init__(self, manager: WindowManager, tasks: TaskGroup) -> None:
        self._manager = manager
        self._tasks = tasks
        self._listeners: set[MemoryObjectSendStream[News]] = set()
        self._followed: set[str] = set()

    def follow(self, window_id: str, after: int) -> None:
        """Tell what happens in this window after the event `after`, until it is destroyed; once, however often told."""
        if window_id not in self._followed:
            self._followed.add(window_id)
            self._tasks.start_soon(self._follow, window_id, after)

    @contextmanager
    def listener(self) -> Iterator[MemoryObjectReceiveStream[News]]:
        """Everything from now on. Ends early for a listener that falls behind."""
        put, news = anyio.create_memory_object_stream[News](UNHEARD)
        self._listeners.add(put)
        try:
            yield news
        finally:
            self._listeners.discard(put)
            put.close()
            news.close()

    async def _follow(self, window_id: str, after: int) -> None:
        try:
            async for stored in self._manager.events(window_id, after):
                self._tell(News(window_id=window_id, stored=stored))
        finally:
            self._followed.discard(window_id)

    def _tell(self, news: News) -> None:
        for listener in tuple(self._listeners):
            try:
                listener.send_nowait(news)
            except anyio.WouldBlock:
                log.warning("a listener is %d events behind, and hears no more", UNHEARD)
                self._listeners.discard(listener)
                listener.close()
