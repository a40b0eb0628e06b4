"""When will a window run into a limit? Without it the first sign of a leak is the kernel's kill, amid a turn.

    samples → the floor of each stretch of time (what a collection leaves behind) → does the floor rise?
        throughout, not in a step or two · still rising lately → time to the limit

A recycle resumes the same conversation in a new process at the next idle moment: cheap, but not free, so a forecast
that is not sure says nothing. Pure; any monotonic time in seconds.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from msgspec import Struct

from tianting.fleet.verdicts.trends import Point, ewma, level_change, theil_sen, trend_score

MIN_SAMPLES = 24
MOST_STRETCHES = 16
_LATEST = 0.3
"""How much the newest sample counts for the present level."""


class Forecast(Struct, frozen=True, kw_only=True):
    """Where one figure of a window is heading."""

    seconds_to_limit: float | None = None
    """None: it is not heading for the limit. 0: it is there."""
    confidence: float = 0.0
    """From 0 to 1: how unlikely chance alone would be."""
    reason: str = ""


class Change(Struct, frozen=True, kw_only=True):
    """A figure that has left its usual level."""

    since: int
    """Index of the first sample of the new level."""
    factor: float
    """The new level by the old one."""


class ForecastPolicy(Struct, frozen=True, kw_only=True):
    """What is worth a recycle."""

    recycle_within: float = 1_800.0
    """Seconds to a limit."""
    watch_within: float = 14_400.0
    confidence: float = 0.99
    slower: float = 3.0
    """Times the usual latency of answers to probes."""
    restarts_per_hour: float = 2.0
    retries_per_hour: float = 60.0
    """Requests that an agent sent again. More than that is the provider's trouble or the network's; a new process
    changes nothing about it, so it is only watched."""


class Signs(Struct, frozen=True, kw_only=True):
    """All that points ahead."""

    forecasts: Mapping[str, Forecast] = {}
    """By the name of the figure: `memory`, `descriptors`, `disk`, `context`."""
    latency: Change | None = None
    restarts_per_hour: float = 0.0
    retries_per_hour: float = 0.0


class Recycle(Struct, frozen=True, kw_only=True):
    """Resume it in a new process as soon as it is idle."""

    reason: str


class Watch(Struct, frozen=True, kw_only=True):
    """Tell a person; change nothing."""

    reason: str


class Fine(Struct, frozen=True, kw_only=True):
    """Nothing points ahead."""


Advice = Recycle | Watch | Fine


def forecast(samples: Sequence[Point], limit: float) -> Forecast:
    """When `samples`, oldest first, reach `limit`. Needs `MIN_SAMPLES` of them, best evenly spread over time."""
    if not samples:
        return Forecast(reason="no samples")
    level = ewma([value for _, value in samples], _LATEST)
    if level >= limit:
        return Forecast(seconds_to_limit=0.0, confidence=1.0, reason="at its limit")
    if len(samples) < MIN_SAMPLES:
        return Forecast(reason="too few samples")
    floors = _floors(samples)
    slope = theil_sen(floors)
    if (doubt := _doubt(floors, slope)) is not None:
        return Forecast(reason=doubt)
    confidence = math.erf(trend_score([value for _, value in floors]) / math.sqrt(2))
    return Forecast(seconds_to_limit=(limit - level) / slope, confidence=confidence, reason="rises steadily")


def drift(latencies: Sequence[float], *, learn: int = 20) -> Change | None:
    """The moment from which answers came slower than the first `learn` did, if there is one."""
    since = level_change(latencies, learn=learn) if len(latencies) > learn else None
    if since is None:
        return None
    usual = median(latencies[:learn])
    return Change(since=since, factor=median(latencies[since:]) / usual if usual > 0 else math.inf)


def per_hour(moments: Sequence[float], now: float, window: float = 3_600.0) -> float:
    """How often something happens, from the `moments` inside the last `window` seconds."""
    return sum(now - window < at <= now for at in moments) * 3_600.0 / window


def advice(signs: Signs, policy: ForecastPolicy) -> Advice:
    """What to do about `signs`: the soonest limit decides, then a process that has become slow, then its history."""
    ahead = sorted(
        (one.seconds_to_limit, name)
        for name, one in signs.forecasts.items()
        if one.seconds_to_limit is not None and one.confidence >= policy.confidence
    )
    if ahead and ahead[0][0] <= policy.recycle_within:
        return Recycle(reason=_told(*ahead[0]))
    if signs.latency is not None and signs.latency.factor >= policy.slower:
        return Recycle(reason=f"it answers {signs.latency.factor:.1f} times slower than it did")
    if ahead and ahead[0][0] <= policy.watch_within:
        return Watch(reason=_told(*ahead[0]))
    if signs.restarts_per_hour > policy.restarts_per_hour:
        return Watch(reason=f"{signs.restarts_per_hour:g} restarts in an hour")
    if signs.retries_per_hour > policy.retries_per_hour:
        return Watch(reason=f"{signs.retries_per_hour:g} repeated requests in an hour")
    return Fine()


def _floors(samples: Sequence[Point]) -> list[Point]:
    """The lowest sample of each stretch: what is left when everything that can be freed has been."""
    stretches = min(MOST_STRETCHES, len(samples) // 3)
    edges = [round(index * len(samples) / stretches) for index in range(stretches + 1)]
    return [
        (samples[(start + end - 1) // 2][0], min(value for _, value in samples[start:end]))
        for start, end in pairwise(edges)
    ]


def _doubt(floors: Sequence[Point], slope: float) -> str | None:
    """Why a rise is not believed to go on; None where it is."""
    values = [value for _, value in floors]
    if slope <= 0 or trend_score(values) < 2.6:
        return "does not rise"
    steps = sorted(later - earlier for earlier, later in pairwise(values))
    rise = values[-1] - values[0]
    if sum(steps[-2:]) > 0.75 * rise:
        return "rose in a step or two"
    half = values[len(values) // 2 :]
    if half[-1] - half[0] < 0.2 * rise:
        return "rose, and has settled"
    return None


def _told(seconds: float, name: str) -> str:
    if seconds == 0:
        return f"{name} is at its limit"
    return f"{name} reaches its limit in {seconds / 60:.0f} minutes"
