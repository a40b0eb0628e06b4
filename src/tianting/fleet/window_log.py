"""What happened to a window, for those who follow it: without it each follower would ask the store for every word.

The newest events are at hand, the older ones in the store; a follower goes from one to the other by their numbers.
"""

from collections import deque
from collections.abc import AsyncIterator

import anyio

from tianting.fleet.store.records import StoredEvent
from tianting.fleet.store.store import Store

AT_HAND = 512
"""Events; a follower who is further behind is read to from the store."""
PAGE = 500


class WindowLog:
    """The log of one window, as it grows. Events are added when they are stored."""

    def __init__(self, window_id: str, store: Store) -> None:
        self._window_id = window_id
        self._store = store
        self._recent: deque[StoredEvent] = deque(maxlen=AT_HAND)
        self._news = anyio.Event()
        self._is_over = False

    @property
    def last(self) -> int:
        """Number of the newest event that this fleet has seen; 0 before the first."""
        return self._recent[-1].sequence if self._recent else 0

    def add(self, *events: StoredEvent) -> None:
        """The next ones, in order."""
        self._recent.extend(events)
        self._tell()

    def end(self) -> None:
        """The window is destroyed: followers come to an end."""
        self._is_over = True
        self._tell()

    async def changed(self) -> None:
        """Return when something more has happened."""
        await self._news.wait()

    async def follow(self, after: int) -> AsyncIterator[StoredEvent]:
        """Every event that follows the number `after`, once and in order, then those to come; ends with the window.

        Where the store no longer reaches back that far, the oldest it has is the first.
        """
        while True:
            news = self._news  # before looking, so that what comes meanwhile is no longer waited for
            events = self._at_hand(after)
            if events is None:
                events = (await self._store.events(self._window_id, after=after, limit=PAGE)).events
            for event in events:
                after = event.sequence
                yield event
            if not events:
                if self._is_over:
                    return
                await news.wait()

    def _at_hand(self, after: int) -> tuple[StoredEvent, ...] | None:
        """None where the store must be asked."""
        if not self._recent or after + 1 < self._recent[0].sequence:
            return () if self._is_over else None
        return tuple(one for one in self._recent if one.sequence > after)

    def _tell(self) -> None:
        news, self._news = self._news, anyio.Event()
        news.set()
