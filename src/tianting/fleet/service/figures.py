"""From what happens in windows to the fleet's figures: counted from the log, so that nothing else has to count.

events → turns, tokens, costs, limits, starts, ends        samples → memory, processor, processes, disk
"""

from collections.abc import Callable, Iterable, Sequence

import anyio
from prometheus_client import CollectorRegistry, generate_latest

from tianting.fleet.drivers.driver import Limited, TurnBegan, TurnDone
from tianting.fleet.ground.resources import Sample
from tianting.fleet.service.feed import Feed
from tianting.fleet.store.records import StoredEvent, WindowMoved
from tianting.fleet.window import OVER, Window
from tianting.telemetry.metrics import FleetMetrics

_LAG_EVERY = 1.0
"""Seconds between two measurements of how late the event loop is."""


class ServiceFigures:
    """Of one fleet."""

    def __init__(self, metrics: FleetMetrics, monotonic: Callable[[], float]) -> None:
        self.samples: dict[str, Sample] = {}
        """The latest of each window."""
        self._metrics = metrics
        self._monotonic = monotonic
        self._began: dict[str, float] = {}
        """When the turn at hand began, by window."""
        self._sought: dict[str, tuple[float, str]] = {}
        """Since when a process is being started, and why."""
        self._stopping: dict[str, float] = {}
        """Since when a window is being stopped."""
        self._measured: set[str] = set()
        """Windows that have series of their own."""

    @property
    def registry(self) -> CollectorRegistry:
        """Of all figures."""
        return self._metrics.registry

    def text(self, windows: Iterable[Window]) -> bytes:
        """As Prometheus reads it."""
        self.show(windows)
        return generate_latest(self._metrics.registry)

    def show(self, windows: Iterable[Window]) -> None:
        """Count windows by state, and spares. What was measured of windows that are gone is dropped."""
        there = tuple(windows)
        self._metrics.show_windows((window.kind, window.status) for window in there)
        self._metrics.show_spares(one.template for one in there if one.is_spare and one.status not in OVER)
        for gone in self._measured - {window.window_id for window in there}:
            self.forget(gone)

    def show_queue(self, waiting: int) -> None:
        """So many tasks wait."""
        self._metrics.queued.set(waiting)

    def shed(self) -> None:
        """A task was refused, because it would have waited too long."""
        self._metrics.shed.inc()

    def claimed(self, window: Window) -> None:
        """Somebody has just got this window, whose template keeps spares."""
        outcome = "cold" if window.status == "requested" else "warm"
        self._metrics.claims.labels(window.template, outcome).inc()
        if outcome == "warm":
            self._metrics.starts.labels(window.kind, "warm").inc()

    async def listen(self, feed: Feed, kind_of: Callable[[str], str]) -> None:
        """Count whatever happens in windows, until cancelled."""
        with feed.listener() as news:
            async for each in news:
                self.heard(each.window_id, kind_of(each.window_id), each.stored)

    def heard(self, window_id: str, kind: str, stored: StoredEvent) -> None:
        """Count one event."""
        metrics = self._metrics
        match stored.event:
            case TurnBegan():
                self._began.setdefault(window_id, stored.at)
            case TurnDone() as turn:
                self._count_turn(window_id, kind, turn, stored.at)
            case Limited(cause=cause):
                metrics.limits.labels(kind, cause).inc()
            case WindowMoved() as move:
                self._count_move(window_id, kind, move, stored.at)
            case _:
                pass

    def sampled(self, samples: Sequence[Sample]) -> None:
        """Show what windows use."""
        self.samples = {sample.window_id: sample for sample in samples}
        self._measured |= self.samples.keys()
        for sample in samples:
            self._metrics.memory.labels(sample.window_id).set(sample.memory)
            self._metrics.processor.labels(sample.window_id).set(sample.cpu_seconds)
            self._metrics.processes.labels(sample.window_id).set(sample.processes)
            self._metrics.descriptors.labels(sample.window_id).set(sample.descriptors)
            if sample.disk is not None:
                self._metrics.disk.labels(sample.window_id).set(sample.disk)

    def forget(self, window_id: str) -> None:
        """It is destroyed."""
        self._measured.discard(window_id)
        self.samples.pop(window_id, None)
        self._began.pop(window_id, None)
        self._sought.pop(window_id, None)
        self._metrics.forget_window(window_id)

    async def watch_lag(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            due = self._monotonic() + _LAG_EVERY
            await anyio.sleep(_LAG_EVERY)
            self._metrics.loop_lag.observe(max(0.0, self._monotonic() - due))

    def _count_turn(self, window_id: str, kind: str, turn: TurnDone, at: float) -> None:
        metrics = self._metrics
        outcome = "interrupted" if turn.interrupted else "failed" if turn.fault else "answered"
        metrics.turns.labels(kind, outcome).inc()
        if (began := self._began.pop(window_id, None)) is not None:
            metrics.turn_time.labels(kind).observe(max(0.0, at - began))
        tokens = {
            "input": turn.usage.input_tokens,
            "output": turn.usage.output_tokens,
            "cache_read": turn.usage.cache_read_input_tokens,
            "cache_write": turn.usage.cache_creation_input_tokens,
        }
        for token, count in tokens.items():
            metrics.tokens.labels(kind, token).inc(count)
        metrics.cost.labels(kind).inc(max(0.0, turn.cost_usd))

    def _count_move(self, window_id: str, kind: str, move: WindowMoved, at: float) -> None:
        stopping = self._stopping.pop(window_id, None)
        match move.status:
            case "stopping":
                self._stopping[window_id] = at
            case "stopped" if stopping is not None:
                self._metrics.stop_time.labels(kind).observe(max(0.0, at - stopping))
            case "requested":
                self._sought[window_id] = (at, "cold")
            case "recovering":
                self._began.pop(window_id, None)
                self._sought[window_id] = (at, "resumed")
            case "starting":
                self._sought.setdefault(window_id, (at, "cold"))
            case "ready" if window_id in self._sought:
                since, origin = self._sought.pop(window_id)
                took = max(0.0, at - since)
                self._metrics.starts.labels(kind, origin).inc()
                self._metrics.start_time.labels(kind, origin).observe(took)
                if origin == "resumed":
                    self._metrics.recovery_time.labels(kind).observe(took)
            case _:
                pass
