"""How surprising a silence is, judged by the rhythm before it: without it one patience would have to fit a model that
streams every 50 ms and a tool that speaks once a minute.

The phi accrual failure detector (Hayashibara et al., 2004): phi = -log10 of the chance that the next event comes even
later, gaps taken as normally distributed. 8 means: one wrong alarm in 100 million gaps.
"""

import math

from msgspec import Struct

MOST_SAMPLES = 200
MIN_SAMPLES = 8
"""With fewer gaps no rhythm is known, and nothing is surprising."""
MIN_STD = 0.1
"""Seconds; a rhythm is never believed to be more regular, so that one late event is no alarm."""


class Rhythm(Struct, frozen=True, kw_only=True):
    """The last gaps between events, in seconds."""

    gaps: tuple[float, ...] = ()

    def heard(self, gap: float) -> "Rhythm":
        """The rhythm with one more gap. A clock that went backwards gives none."""
        return Rhythm(gaps=(*self.gaps[1 - MOST_SAMPLES :], gap)) if gap >= 0 else self


def phi(silence: float, rhythm: Rhythm) -> float:
    """How surprising `silence` is: 0 where no rhythm is known, infinite never."""
    count = len(rhythm.gaps)
    if count < MIN_SAMPLES:
        return 0.0
    mean = math.fsum(rhythm.gaps) / count
    std = max(MIN_STD, math.sqrt(math.fsum((gap - mean) ** 2 for gap in rhythm.gaps) / count))
    return _surprise((silence - mean) / std)


def _surprise(deviation: float) -> float:
    """-log10 of the upper tail of the normal distribution."""
    if deviation < 30:
        return -math.log10(0.5 * math.erfc(deviation / math.sqrt(2)))
    # The tail is too small for a float here; its asymptote is exact to three digits.
    return (deviation**2 / 2 + math.log(deviation * math.sqrt(2 * math.pi))) / math.log(10)
