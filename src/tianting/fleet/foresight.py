"""What every window uses, remembered, and where that leads: otherwise the first sign of a leak would be the kernel's
kill, amid a turn.

    samples, answers to probes, context → the series of each process → forecast → advice
        → whom to recycle at the next idle moment, and whom to warn: a full context follows into every process
"""

import logging
import resource
from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tianting.fleet.drivers.driver import ContextFilled
from tianting.fleet.ground.resources import Sample
from tianting.fleet.verdicts.forecast import Advice, ForecastPolicy, Recycle, Signs, Watch, advice, drift, forecast
from tianting.fleet.verdicts.trends import Point
from tianting.fleet.window import Window

log = logging.getLogger(__name__)

MOST_SAMPLES = 240
"""Of each process; they are `SPACING` apart, so they reach back two hours."""
SPACING = 30.0
"""Seconds."""

BRISK = 0.1
"""Seconds. Answers to probes that come sooner are all alike: a busy machine must not look like a slow process."""
NEARLY_FULL = 0.9
"""Of a context."""

Name = tuple[str, int]
"""A window and its generation: a new process has a new history."""


class Subject(Struct, frozen=True, kw_only=True):
    """A window, as far as it matters where it is heading."""

    window: Window
    memory_limit: int = 0
    """Bytes; 0 for none."""
    latencies: tuple[float, ...] = ()
    """Seconds in which its process answered probes, oldest first."""
    context: ContextFilled | None = None


class Leaking(Struct, frozen=True, kw_only=True):
    """A window that should go on in a new process."""

    window_id: str
    reason: str


class Filling(Struct, frozen=True, kw_only=True):
    """A window whose context is nearly full. No new process helps against that."""

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
        self._full: set[str] = set()
        """Windows that were told of their context, and it has not been emptied since."""

    def usage(self, window_id: str) -> Sample | None:
        """What a window used lately; None before it was looked at."""
        return self._newest.get(window_id)

    def sampled(self, samples: Sequence[Sample], subjects: Iterable[Subject]) -> list[Leaking | Filling]:
        """Take in one look at all windows."""
        known = {subject.window.window_id: subject for subject in subjects}
        self._newest = {sample.window_id: sample for sample in samples}
        self._forget({_name(subject) for subject in known.values()})
        leaking = (self._leaking(sample, known[sample.window_id]) for sample in samples if sample.window_id in known)
        filling = (self._filling(subject) for subject in known.values())
        return [one for one in (*leaking, *filling) if one is not None]

    def _filling(self, subject: Subject) -> Filling | None:
        window_id, context = subject.window.window_id, subject.context
        if context is None or not context.window or context.tokens < NEARLY_FULL * context.window:
            self._full.discard(window_id)
            return None
        if window_id in self._full:
            return None
        self._full.add(window_id)
        share = f"{context.tokens / context.window:.0%}"
        return Filling(window_id=window_id, reason=f"Its context is {share} full: compact it, or begin a new window.")

    def _leaking(self, sample: Sample, subject: Subject) -> Leaking | None:
        name, window = _name(subject), subject.window
        if not self._noted(name, sample):
            return None
        match self._advice(name, subject):
            case Recycle(reason=reason) if name not in self._told:
                self._told.add(name)
                log.warning("window %s is recycled when it is idle: %s", window.window_id, reason)
                return Leaking(window_id=window.window_id, reason=reason)
            case Watch(reason=reason):
                log.info("window %s: %s", window.window_id, reason)
            case _:
                pass
        return None

    def _advice(self, name: Name, subject: Subject) -> Advice:
        forecasts = {"descriptors": forecast(tuple(self._descriptors[name]), self._most_descriptors)}
        if subject.memory_limit:
            forecasts["memory"] = forecast(tuple(self._memory[name]), subject.memory_limit)
        latency = drift([max(BRISK, one) for one in subject.latencies])
        return advice(Signs(forecasts=forecasts, latency=latency), self._policy)

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
        self._full &= {window_id for window_id, _ in known}
        for series in (self._memory, self._descriptors):
            for name in series.keys() - known:
                del series[name]


def _name(subject: Subject) -> Name:
    return subject.window.window_id, subject.window.generation
