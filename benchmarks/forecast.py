"""How well leaks are told from noise: precision, recall and how far the forecast of the limit is off.

    python -m benchmarks.forecast [--series N] [--seed N]

A series counts as told when a forecast is sure enough for the default policy to act on it.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from benchmarks.memory_series import Series, series
from tianting.fleet.verdicts.forecast import ForecastPolicy, forecast

FAR = 100_000.0
"""A limit that none of the series reaches."""


class Quality(Struct, frozen=True, kw_only=True):
    """What became of a set of series."""

    precision: float
    recall: float
    told: Counter[str]
    """How many of each kind were called leaking."""
    seen: Counter[str]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20)
    given = parser.parse_args()
    made = series(given.seed, given.series)
    began = time.perf_counter()
    found = quality(made)
    each = (time.perf_counter() - began) / len(made)
    print(f"{len(made)} series: precision {found.precision:.3f}, recall {found.recall:.3f}, {each * 1e3:.2f} ms each")
    print(f"error of the time to the limit, half way to it: {error_of_time(made):.0%} (median)")
    for kind, count in sorted(found.seen.items()):
        print(f"  {kind:12} {found.told[kind]:3} of {count:3} called leaking")


def quality(made: Sequence[Series]) -> Quality:
    """Precision and recall over `made`."""
    told = [one for one in made if is_told(one)]
    right = sum(one.leaks for one in told)
    return Quality(
        precision=right / len(told),
        recall=right / sum(one.leaks for one in made),
        told=Counter(one.name for one in told),
        seen=Counter(one.name for one in made),
    )


def is_told(one: Series) -> bool:
    """Whether a forecast would be acted on."""
    seen = forecast(one.points, FAR)
    return seen.seconds_to_limit is not None and seen.confidence >= ForecastPolicy().confidence


def error_of_time(made: Sequence[Series]) -> float:
    """The median share by which the forecast is off for linear leaks, when half of the way to their last value is left.

    The last value stands in for the limit: when it is reached is known.
    """
    errors = list[float]()
    for one in made:
        if one.name != "linear":
            continue
        half, limit = one.points[: len(one.points) // 2], one.points[-1][1]
        seen, truth = forecast(half, limit), one.points[-1][0] - half[-1][0]
        if seen.seconds_to_limit is not None:
            errors.append(abs(seen.seconds_to_limit - truth) / truth)
    return statistics.median(errors)


if __name__ == "__main__":
    main()
