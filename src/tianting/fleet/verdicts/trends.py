"""The statistics of series that are noisy, short and have outliers: without them a garbage collector's saw would look
like a leak, and a leak beneath a saw like none.

Each is the plain textbook one: EWMA; the Theil–Sen slope, which up to 29 % outliers do not move; Mann and Kendall's
test for a trend; CUSUM for a change of level. Pure; time in seconds, values in any unit.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import median

Point = tuple[float, float]
"""A time and a value."""


def ewma(values: Sequence[float], weight: float) -> float:
    """The exponentially weighted average; the last value counts `weight`. Raises IndexError without values."""
    level = values[0]
    for value in values[1:]:
        level += weight * (value - level)
    return level


def theil_sen(points: Sequence[Point]) -> float:
    """The median slope between all pairs, per second; 0 where there are none."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0]]
    return median(slopes) if slopes else 0.0


def trend_score(values: Sequence[float]) -> float:
    """Mann and Kendall's Z: how far the order of `values` is from chance, in deviations; positive where they rise."""
    count = len(values)
    score = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    variance = count * (count - 1) * (2 * count + 5) / 18
    return (score - math.copysign(1, score)) / math.sqrt(variance) if score else 0.0


def level_change(values: Sequence[float], *, learn: int, slack: float = 1.0, alarm: float = 8.0) -> int | None:
    """Where the level of `values` rose for good, by CUSUM; None where it did not.

    The first `learn` values say what is usual. `slack` and `alarm` in deviations: what passes as usual each time, and
    how much may add up.
    """
    usual = median(values[:learn])
    spread = max(1.4826 * median(abs(value - usual) for value in values[:learn]), abs(usual) / 100, 1e-9)
    total, since = 0.0, learn
    for index in range(learn, len(values)):
        # Bounded, so that a single value can never be an alarm.
        total += min((values[index] - usual) / spread, alarm / 2) - slack
        if total <= 0:
            total, since = 0.0, index + 1
        elif total > alarm:
            return since
    return None
