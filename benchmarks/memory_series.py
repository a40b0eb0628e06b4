"""Memory as processes really use it, healthy and leaking, from a seed: what forecasts are measured by.

Sizes in MiB, one sample every 10 s for 20 to 60 minutes.
"""

import math
from collections.abc import Callable
from random import Random

from msgspec import Struct

from tianting.fleet.verdicts.trends import Point

EVERY = 10.0
"""Seconds between samples."""


class Series(Struct, frozen=True, kw_only=True):
    """One process."""

    name: str
    leaks: bool
    points: list[Point]


def series(seed: int, count: int) -> list[Series]:
    """`count` processes, half of them leaking, each kind as often as the others."""
    random = Random(seed)
    return [_one(random, index) for index in range(count)]


def _one(random: Random, index: int) -> Series:
    leaks = index % 2 == 0
    kinds = _LEAKING if leaks else _HEALTHY
    name = list(kinds)[index // 2 % len(kinds)]
    count = random.randint(120, 360)
    shape = kinds[name](random, count)
    base, noise = random.uniform(60, 250), random.uniform(0.2, 4)
    points = [(step * EVERY, max(1.0, base + shape[step] + random.gauss(0, noise))) for step in range(count)]
    return Series(name=name, leaks=leaks, points=points)


def _linear(random: Random, count: int) -> list[float]:
    rate = random.uniform(0.08, 2.0)
    return [rate * step for step in range(count)]


def _under_a_saw(random: Random, count: int) -> list[float]:
    rate, saw = random.uniform(0.2, 1.0), _saw(random, count)
    return [rate * step + tooth for step, tooth in enumerate(saw)]


def _stepwise(random: Random, count: int) -> list[float]:
    steps, height = random.randint(5, 15), random.uniform(8, 30)
    return [height * (step * steps // count) for step in range(count)]


def _in_bursts(random: Random, count: int) -> list[float]:
    level, left, values = 0.0, 0, list[float]()
    rate = random.uniform(0.5, 3)
    for _ in range(count):
        if left == 0 and random.random() < 0.06:
            left = random.randint(5, 15)
        if left:
            level, left = level + rate, left - 1
        values.append(level)
    return values


def _level(random: Random, count: int) -> list[float]:
    return [0.0] * count


def _saw(random: Random, count: int) -> list[float]:
    period, height = random.randint(6, 40), random.uniform(10, 80)
    phase = random.randrange(period)
    return [height * ((step + phase) % period) / period for step in range(count)]


def _warming_up(random: Random, count: int) -> list[float]:
    height, calm = random.uniform(30, 150), random.uniform(0.05, 0.2) * count
    return [height * (1 - math.exp(-step / calm)) for step in range(count)]


def _moved(random: Random, count: int) -> list[float]:
    """A big file was read and stays: once, or once again."""
    at = sorted(random.randrange(count) for _ in range(random.randint(1, 2)))
    height = random.uniform(20, 120)
    return [height * sum(step >= one for one in at) for step in range(count)]


def _wandering(random: Random, count: int) -> list[float]:
    value, values, pull = 0.0, list[float](), random.uniform(0.1, 0.5)
    for _ in range(count):
        value += random.gauss(0, 3) - pull * value
        values.append(value)
    return values


def _waves(random: Random, count: int) -> list[float]:
    height, cycles, phase = random.uniform(5, 40), random.uniform(2.5, 8), random.uniform(0, 6)
    return [height * math.sin(2 * math.pi * cycles * step / count + phase) for step in range(count)]


def _spikes(random: Random, count: int) -> list[float]:
    return [random.uniform(50, 300) if random.random() < 0.05 else 0.0 for _ in range(count)]


_Shape = Callable[[Random, int], list[float]]
_LEAKING: dict[str, _Shape] = {
    "linear": _linear,
    "under a saw": _under_a_saw,
    "stepwise": _stepwise,
    "in bursts": _in_bursts,
}
_HEALTHY: dict[str, _Shape] = {
    "level": _level,
    "saw": _saw,
    "warming up": _warming_up,
    "moved": _moved,
    "wandering": _wandering,
    "waves": _waves,
    "spikes": _spikes,
}
