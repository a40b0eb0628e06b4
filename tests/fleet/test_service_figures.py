"""What happens in windows is counted from their logs, each thing once."""

from collections.abc import Sequence
from typing import Any

import pytest

from tianting.fleet.drivers.driver import Fault, Limited, TurnBegan, TurnDone
from tianting.fleet.ground.resources import Sample
from tianting.fleet.service.figures import ServiceFigures
from tianting.fleet.service.history import HistoryFigures
from tianting.fleet.store.records import Generation, Heartbeat, LoggedEvent, StoredEvent, WindowMoved
from tianting.fleet.window import Window
from tianting.protocol.usage import Usage
from tianting.telemetry.metrics import FleetMetrics

pytestmark = pytest.mark.anyio


class Counted:
    """Figures, and what they are told."""

    def __init__(self) -> None:
        self.metrics = FleetMetrics()
        self.figures = ServiceFigures(self.metrics, lambda: 0.0)
        self._last = 0

    def heard(self, at: float, event: LoggedEvent) -> None:
        self._last += 1
        self.figures.heard("w1", "echo", StoredEvent(sequence=self._last, generation=1, at=at, event=event))

    def moves(self, at: float, *statuses: Any) -> None:
        for status in statuses:
            self.heard(at, WindowMoved(status=status))

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"tianting_{name}", labels)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def sample(window_id: str, **more: Any) -> Sample:
    figures: dict[str, Any] = {"memory": 5, "cpu": 0.1, "cpu_seconds": 2.0, "processes": 1, "descriptors": 4}
    return Sample(**{"window_id": window_id, "at": 0.0, **figures, **more})


def test_a_turn_is_counted_with_its_time_its_tokens_and_its_price(counted: Counted) -> None:
    counted.heard(10.0, TurnBegan())
    counted.heard(12.0, TurnDone(usage=Usage(input_tokens=3, output_tokens=4), cost_usd=0.5))
    counted.heard(13.0, TurnDone(fault=Fault(message="no")))
    counted.heard(14.0, TurnDone(interrupted=True))
    counted.heard(15.0, Limited(cause="rate_limit"))

    outcomes = [counted.value("turns_total", kind="echo", outcome=one) for one in ("answered", "failed", "interrupted")]
    assert outcomes == [1.0, 1.0, 1.0]
    assert counted.value("turn_seconds_sum", kind="echo") == 2.0
    assert counted.value("tokens_total", kind="echo", token="output") == 4.0
    assert counted.value("cost_usd_total", kind="echo") == 0.5
    assert counted.value("limits_met_total", kind="echo", cause="rate_limit") == 1.0


def test_a_start_is_told_from_a_recovery(counted: Counted) -> None:
    counted.moves(10.0, "requested", "starting")
    counted.moves(11.0, "ready", "busy", "ready")
    counted.moves(20.0, "recovering", "starting")
    counted.moves(24.0, "ready")

    assert counted.value("window_start_seconds_sum", kind="echo", origin="cold") == 1.0
    assert counted.value("window_starts_total", kind="echo", origin="cold") == 1.0
    assert counted.value("window_recovery_seconds_sum", kind="echo") == 4.0


def test_a_stop_lasts_until_nothing_runs(counted: Counted) -> None:
    counted.moves(10.0, "stopping")
    counted.moves(10.5, "stopped")
    counted.moves(11.0, "stopped")

    assert counted.value("window_stop_seconds_sum", kind="echo") == 0.5
    assert counted.value("window_stop_seconds_count", kind="echo") == 1.0


def test_spares_are_shown_and_claims_counted(counted: Counted) -> None:
    spare = Window(window_id="w1", kind="echo", template="quick", is_spare=True, status="ready")
    over = Window(window_id="w2", kind="echo", template="quick", is_spare=True, status="stopped")
    counted.figures.claimed(Window(window_id="w3", kind="echo", template="quick", status="ready"))
    counted.figures.claimed(Window(window_id="w4", kind="echo", template="quick"))
    counted.figures.shed()
    counted.figures.show_queue(3)

    shown = counted.figures.text([spare, over]).decode()

    assert 'tianting_pool_spares{template="quick"} 1.0' in shown
    assert [counted.value("pool_claims_total", template="quick", outcome=one) for one in ("warm", "cold")] == [1.0, 1.0]
    assert counted.value("window_starts_total", kind="echo", origin="warm") == 1.0
    assert (counted.value("shed_tasks_total"), counted.value("queued_tasks")) == (1.0, 3.0)


def test_what_was_measured_of_a_window_goes_with_it(counted: Counted) -> None:
    counted.figures.sampled([sample("w1", disk=7), sample("w2")])
    counted.figures.show([Window(window_id="w2", kind="echo")])

    assert counted.figures.samples == {"w2": sample("w2")}
    assert counted.value("window_disk_bytes", window="w1") is None
    assert counted.value("window_memory_bytes", window="w2") == 5.0


class Remembering:
    """A store of one window."""

    def __init__(self) -> None:
        self.ends: list[Generation] = []
        self.beats: list[Heartbeat] = []
        self.asked = 0

    async def generations(self, window_id: str) -> Sequence[Generation]:
        self.asked += 1
        return self.ends

    async def heartbeats(self, window_id: str, limit: int = 100) -> Sequence[Heartbeat]:
        return self.beats

    def ended(self, generation: int, at: float | None, failure: str | None) -> None:
        self.ends.append(Generation(window_id="w1", generation=generation, ended_at=at, failure=failure))

    def beat(self, at: float, took: float) -> None:
        self.beats.insert(0, Heartbeat(window_id="w1", generation=1, at=at, took=took))


async def test_ends_and_answers_are_counted_once_and_none_of_an_earlier_fleet(counted: Counted) -> None:
    store = Remembering()
    history = HistoryFigures(counted.metrics, store, since=100.0)
    store.ended(1, 50.0, "signal")
    store.ended(2, 150.0, "oom")
    store.ended(3, None, None)
    store.beat(50.0, 9.0)
    store.beat(150.0, 0.5)

    await history.look([Window(window_id="w1", kind="echo", generation=3)])
    await history.look([Window(window_id="w1", kind="echo", generation=3)])
    store.ends[2] = Generation(window_id="w1", generation=3, ended_at=160.0, failure="oom")
    store.beat(160.0, 0.25)
    await history.look([Window(window_id="w1", kind="echo", generation=4, since=160.0)])
    await history.look([Window(window_id="w1", kind="echo", generation=4, since=160.0)])

    assert counted.value("window_failures_total", kind="echo", failure="oom") == 2.0
    assert counted.value("window_failures_total", kind="echo", failure="signal") is None
    assert (counted.value("probe_seconds_sum", kind="echo"), counted.value("probe_seconds_count", kind="echo")) == (
        0.75,
        2.0,
    )
    assert store.asked == 2


async def test_a_window_that_is_gone_is_not_remembered(counted: Counted) -> None:
    store = Remembering()
    history = HistoryFigures(counted.metrics, store, since=0.0)
    store.ended(1, 50.0, "signal")

    for windows in ([Window(window_id="w1", kind="echo")], [], [Window(window_id="w1", kind="echo")]):
        await history.look(windows)

    assert store.asked == 2
