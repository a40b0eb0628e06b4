"""What every window uses, remembered, and where that leads: otherwise the first sign of a leak would be the kernel's
kill, amid a turn.

    samples → the series of each process → forecast → advice → whom to recycle at the next idle moment
"""

import logging
import resource
from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tianting.fleet.forecast import Advice, ForecastPolicy, Recycle, Signs, Watch, advice, forecast
from tianting.fleet.resources import Sample
from tianting.fleet.trends import Point
from tianting.fleet.window import Window

log = logging.getLogger(__name__)

MOST_SAMPLES = 240
"""Of each process; they are `SPACING` apart, so they reach back two hours."""
SPACING = 30.0
"""Seconds."""

Name = tuple[str, int]
"""A window and its generation: a new process has a new history."""


class Leaking(Struct, frozen=True, kw_only=True):
    """A window that should go on in a new process."""

    window_id: str
    reason: str


class Foresight:
    """Of one fleet. Each process is told of once."""

    def __init__(self, policy: ForecastPolicy | None = None, *, most_descriptors: int | None = None) -> None:
        """`most_descriptors` that a process may have open; None is what this one may."""
        self._most_descriptors = most_descriptors or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._policy = policy or ForecastPolicy()
        self._newest: dict[str, Sample] = {}
        self._memory: dict[Name, deque[Point]] = {}
        self._descriptors: dict[Name, deque[Point]] = {}
        self._told: set[Name] = set()

    def usage(self, window_id: str) -> Sample | None:
        """What a window used lately; None before it was looked at."""
        return self._newest.get(window_id)

    def sampled(self, samples: Sequence[Sample], windows: Iterable[tuple[Window, int]]) -> list[Leaking]:
        """Take in one look at all `windows`, each with its memory limit in bytes, 0 for none."""
        known = {window.window_id: (window, limit) for window, limit in windows}
        self._newest = {sample.window_id: sample for sample in samples}
        self._forget({(window.window_id, window.generation) for window, _ in known.values()})
        found = (self._leaking(sample, *known[sample.window_id]) for sample in samples if sample.window_id in known)
        return [one for one in found if one is not None]

    def _leaking(self, sample: Sample, window: Window, memory_limit: int) -> Leaking | None:
        name = (window.window_id, window.generation)
        if not self._noted(name, sample):
            return None
        match self._advice(name, memory_limit):
            case Recycle(reason=reason) if name not in self._told:
                self._told.add(name)
                log.warning("window %s is recycled when it is idle: %s", window.window_id, reason)
                return Leaking(window_id=window.window_id, reason=reason)
            case Watch(reason=reason):
                log.info("window %s: %s", window.window_id, reason)
            case _:
                pass
        return None

    def _advice(self, name: Name, memory_limit: int) -> Advice:
        forecasts = {"descriptors": forecast(tuple(self._descriptors[name]), self._most_descriptors)}
        if memory_limit:
            forecasts["memory"] = forecast(tuple(self._memory[name]), memory_limit)
        return advice(Signs(forecasts=forecasts), self._policy)

    def _noted(self, name: Name, sample: Sample) -> bool:
        """Whether the sample says something new: more often than that a forecast would cost more than it tells."""
        memory = self._memory.setdefault(name, deque(maxlen=MOST_SAMPLES))
        if memory and sample.at - memory[-1][0] < SPACING:
            return False
        memory.append((sample.at, float(sample.memory - sample.standby_memory)))
        descriptors = self._descriptors.setdefault(name, deque(maxlen=MOST_SAMPLES))
        descriptors.append((sample.at, float(sample.descriptors)))
        return True

    def _forget(self, known: set[Name]) -> None:
        self._told &= known
        for series in (self._memory, self._descriptors):
            for name in series.keys() - known:
                del series[name]
