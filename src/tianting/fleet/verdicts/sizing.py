"""How many windows of a template there should be: without it either everybody waits for a start, or memory is full of
agents that nobody has asked for in an hour.

    spares = what arrives while one starts, and a margin for chance; none after a long quiet
    wanted = in use + spares, between min and max

Pure; rates per second, times in seconds.
"""

import math

from msgspec import Struct


class PoolPolicy(Struct, frozen=True, kw_only=True):
    """The bounds that a person sets for one template."""

    min: int = 0
    """Kept even when nobody comes."""
    max: int = 10
    """Never exceeded by spares; windows in use are not ended for it."""
    spares: int = 1
    """Warm windows kept ready while there is any demand."""
    idle_after: float = 900.0
    """Seconds without an arrival after which spares are let go, down to `min`."""
    half_life: float = 120.0
    """Seconds after which an arrival counts half."""


class PoolFacts(Struct, frozen=True, kw_only=True):
    """What a template's pool looks like now."""

    in_use: int
    """Claimed by somebody."""
    arrival_rate: float = 0.0
    """Claims a second, as `next_rate` gives it."""
    start_seconds: float = 1.0
    """How long a window takes from its request until it is ready."""
    idle_for: float = 0.0
    """Seconds since the last claim."""


def wanted(facts: PoolFacts, policy: PoolPolicy) -> int:
    """Windows that there should be, those in use included; the pool starts or ends spares until there are."""
    spares = 0 if facts.idle_for >= policy.idle_after else _spares(facts, policy)
    bounded = min(max(facts.in_use + spares, policy.min), policy.max)
    return max(bounded, facts.in_use)


def next_rate(rate: float, arrivals: int, seconds: float, policy: PoolPolicy) -> float:
    """The arrival rate after `seconds` in which `arrivals` came: an average whose memory halves each half-life."""
    if seconds <= 0:
        return rate
    kept = math.exp2(-seconds / policy.half_life)
    return rate * kept + arrivals / seconds * (1 - kept)


def _spares(facts: PoolFacts, policy: PoolPolicy) -> int:
    """Arrivals are random, so what is needed varies by the square root of what is expected; twice that is 98 %."""
    during_a_start = facts.arrival_rate * facts.start_seconds
    return max(policy.spares, math.ceil(during_a_start + 2 * math.sqrt(during_a_start)))
