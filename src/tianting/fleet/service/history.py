"""Figures of what only the store knows: why processes ended, and how long agents took to answer.

windows that have moved or answered since the last look → their latest rows in the store → counted once
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from tianting.fleet.store.records import Generation, Heartbeat
from tianting.fleet.window import Window
from tianting.telemetry.metrics import FleetMetrics


class History(Protocol):
    """`store.Store`."""

    async def generations(self, window_id: str) -> Sequence[Generation]:
        """All of a window, oldest first."""
        ...

    async def heartbeats(self, window_id: str, limit: int = 100) -> Sequence[Heartbeat]:
        """The newest of a window, newest first."""
        ...


class HistoryFigures:
    """Of one fleet."""

    def __init__(self, metrics: FleetMetrics, history: History, since: float) -> None:
        """What happened before `since`, in Unix time, another fleet has counted."""
        self._metrics = metrics
        self._history = history
        self._since = since
        self._looks: dict[str, tuple[int, float, float]] = {}
        """By window: its generation, move and heartbeat at the last look."""
        self._ended: dict[str, int] = {}
        """By window: the newest generation whose end is counted."""
        self._beaten: dict[str, float] = {}
        """By window: when it gave the newest answer that is counted."""

    async def look(self, windows: Iterable[Window]) -> None:
        """Count what is new. A window that was destroyed is forgotten."""
        there = {window.window_id: window for window in windows}
        for known in (self._looks, self._ended, self._beaten):
            for gone in known.keys() - there.keys():
                del known[gone]
        for window in there.values():
            state = (window.generation, window.since, window.last_heartbeat)
            if self._looks.get(window.window_id) != state:
                self._looks[window.window_id] = state
                await self._count_ends(window)
                await self._count_beats(window)

    async def _count_ends(self, window: Window) -> None:
        last = self._ended.get(window.window_id, 0)
        for one in await self._history.generations(window.window_id):
            if one.generation > last and one.failure is not None:
                self._ended[window.window_id] = one.generation
                if (one.ended_at or 0.0) >= self._since:
                    self._metrics.failures.labels(window.kind, one.failure).inc()

    async def _count_beats(self, window: Window) -> None:
        last = self._beaten.get(window.window_id, self._since)
        beats = [beat for beat in await self._history.heartbeats(window.window_id) if beat.at > last]
        for beat in beats:
            self._metrics.probe_time.labels(window.kind).observe(beat.took)
        if beats:
            self._beaten[window.window_id] = beats[0].at
