"""What was promised, what was kept, and how long things took: the account that a chaos run is judged by."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence

import anyio
from msgspec import Struct

from tianting.fleet.store.records import PromptDone


class Turn(Struct, kw_only=True):
    """A prompt that was acknowledged."""

    window: str
    number: str
    at: float
    """Monotonic seconds of the acknowledgement."""
    writes: bool
    done: PromptDone | None = None

    @property
    def is_right(self) -> bool:
        """Answered, with its own number."""
        return self.done is not None and self.done.fault is None and self.number in self.done.text


class Recovery(Struct, frozen=True, kw_only=True):
    """How long windows took after one kind of fault until they had answered again. Seconds."""

    fault: str
    times: tuple[float, ...]
    never: int
    """Windows that did not."""

    @property
    def median(self) -> float:
        """Half took no longer."""
        return statistics.median(self.times)

    @property
    def p95(self) -> float:
        """19 of 20 took no longer."""
        return sorted(self.times)[max(0, -(-len(self.times) * 95 // 100) - 1)]


class Ledger:
    """Of one run. The caller supplies the times, all of one monotonic clock."""

    def __init__(self) -> None:
        self.turns: dict[str, Turn] = {}
        """By the prompt's uuid."""
        self.struck_at: list[tuple[str, float]] = []
        self._open: dict[str, list[tuple[str, float]]] = defaultdict(list)
        self._times: dict[str, list[float]] = defaultdict(list)
        self._early: dict[str, tuple[PromptDone, float]] = {}
        self._changed = anyio.Event()

    def accepted(self, uuid: str, turn: Turn) -> None:
        """A prompt was acknowledged; its answer may have come before."""
        self.turns[uuid] = turn
        if uuid in self._early:
            self.done(*self._early.pop(uuid))

    def done(self, done: PromptDone, at: float) -> None:
        """A prompt was answered, in whatever way. The same one a second time changes nothing."""
        turn = self.turns.get(done.uuid)
        if turn is None:
            self._early[done.uuid] = (done, at)
            return
        if turn.done is not None:
            return
        turn.done = done
        if turn.is_right:
            for fault, since in self._open.pop(turn.window, ()):
                self._times[fault].append(at - since)
        self._changed.set()
        self._changed = anyio.Event()

    def struck(self, fault: str, windows: Sequence[str], at: float) -> None:
        """A fault met these windows."""
        self.struck_at.append((fault, at))
        for window in windows:
            self._open[window].append((fault, at))

    async def ended(self, uuid: str) -> None:
        """Wait until the prompt was answered. The caller has the deadline."""
        while self.turns[uuid].done is None:
            await self._changed.wait()

    @property
    def lost(self) -> list[Turn]:
        """Acknowledged, and never answered in any way."""
        return [turn for turn in self.turns.values() if turn.done is None]

    @property
    def wrong(self) -> list[Turn]:
        """Ended otherwise than with the right answer."""
        return [turn for turn in self.turns.values() if turn.done is not None and not turn.is_right]

    @property
    def survival(self) -> float:
        """Share of the acknowledged prompts that got the right answer."""
        return sum(turn.is_right for turn in self.turns.values()) / max(1, len(self.turns))

    def recoveries(self) -> list[Recovery]:
        """By fault, in the order in which they first struck."""
        never: Mapping[str, int] = self._unrecovered()
        faults = dict.fromkeys(fault for fault, _ in self.struck_at)
        return [Recovery(fault=fault, times=tuple(self._times[fault]), never=never.get(fault, 0)) for fault in faults]

    def _unrecovered(self) -> dict[str, int]:
        counted: dict[str, int] = defaultdict(int)
        for strikes in self._open.values():
            for fault, _ in strikes:
                counted[fault] += 1
        return counted
