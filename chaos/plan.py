"""What happens when, decided before anything runs: the same seed is the same disaster.

Strikes against one window keep a distance, and none is struck more often than its restart policy bears: a prompt that
has ended three processes is left on purpose, and a window that crashes a sixth time is given up on purpose.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Fault = Literal[
    "kill agent",
    "stop agent",
    "hang stream",
    "break stream",
    "leak",
    "429 storm",
    "529 storm",
    "kill fleet",
    "kill keeper",
]

CALM = 0.1
"""Share of the time at its beginning and at its end in which nothing happens, so that all can start and recover."""
STORM = 6.0
"""Seconds."""
APART = 30.0
"""Seconds between strikes that meet the same window, where there is time for that."""
_DRAWS = 50


class Strike(Struct, frozen=True, kw_only=True):
    """One fault."""

    at: float
    """Seconds since the beginning."""
    fault: Fault
    window: str = ""
    """Empty where it meets all."""


def plan(seed: int, duration: float, windows: Sequence[str], leaky: Sequence[str]) -> tuple[Strike, ...]:
    """All faults of a run of `duration` seconds, in their order."""
    planning = _Planning(random.Random(seed), duration)
    planning.strike_all("kill keeper", times=1)
    planning.strike_all("429 storm", times=max(1, round(duration / 120)))
    planning.strike_all("529 storm", times=max(1, round(duration / 120)))
    planning.strike_all("kill fleet", times=max(1, round(duration / 75)))
    planning.strike_each("kill agent", windows, times=min(2 * len(windows), int(duration / 5)))
    planning.strike_each("stop agent", windows, times=min(len(windows), int(duration / 15)))
    planning.strike_each("hang stream", windows, times=min(len(windows), int(duration / 15)))
    planning.strike_each("break stream", windows, times=int(duration / 10))
    planning.strike_each("leak", leaky, times=len(leaky))
    return tuple(sorted(planning.strikes, key=lambda strike: strike.at))


class _Planning:
    """A plan in the making."""

    def __init__(self, chance: random.Random, duration: float) -> None:
        self.strikes: list[Strike] = []
        self._chance = chance
        self._duration = duration
        self._apart = min(APART, duration / 10)
        self._met: dict[str, list[float]] = defaultdict(list)

    def strike_all(self, fault: Fault, *, times: int) -> None:
        """What meets every window."""
        for _ in range(times):
            self._add(fault, "")

    def strike_each(self, fault: Fault, windows: Sequence[str], *, times: int) -> None:
        """Dealt like cards, so that nobody is struck twice before all others were struck once."""
        dealt: list[str] = []
        for _ in range(times):
            if not dealt:
                dealt = self._chance.sample(windows, len(windows))
            self._add(fault, dealt.pop())

    def _add(self, fault: Fault, window: str) -> None:
        at = self._moment([*self._met[window], *self._met[""]])
        self._met[window].append(at)
        self.strikes.append(Strike(at=at, fault=fault, window=window))

    def _moment(self, met: Sequence[float]) -> float:
        """Of some drawn by chance the first that is far enough from all of `met`, else the farthest."""
        drawn = [self._duration * self._chance.uniform(CALM, 1 - CALM) for _ in range(_DRAWS)]
        distances = [min((abs(at - other) for other in met), default=self._duration) for at in drawn]
        far = [at for at, distance in zip(drawn, distances, strict=True) if distance >= self._apart]
        return far[0] if far else drawn[distances.index(max(distances))]
