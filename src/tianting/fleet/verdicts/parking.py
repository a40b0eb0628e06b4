"""How long a window rests at a limit, and whether it goes on by itself: without it fifty windows would knock at a
closed door, or all wake in the same second, or work through a night for which nobody asked.

    when is it over?   a time that was named → a wait that was named → words → a guess that grows
    who wakes it?      short limits pass by themselves; a usage limit ends only where its owner allowed it

Pure. Wall time throughout: limits are reset by the provider's calendar, which goes on while a machine sleeps.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from tianting.fleet.verdicts.reset_times import read_reset

Cause = Literal["rate_limit", "usage_limit", "overloaded", "network"]

_REASONS: dict[Cause, str] = {
    "rate_limit": "rate limit of the provider",
    "usage_limit": "usage limit of the account",
    "overloaded": "the provider is overloaded",
    "network": "the provider cannot be reached",
}


class ParkPolicy(Struct, frozen=True, kw_only=True):
    """What the owner of a window wants at a limit."""

    wakes: bool = False
    """Go on by itself after a usage limit. Work that resumes unseen costs money, so somebody has to want it."""
    shortest: float = 5.0
    """Seconds; the first guess where nobody said how long."""
    longest: float = 8 * 86_400.0
    """Seconds; no limit is believed to last longer. A week and a day."""
    usage_guess: float = 3_600.0
    """Seconds until a usage limit is looked at again that named no time."""
    spread: float = 30.0
    """Seconds over which windows that were parked until the same moment wake."""


class LimitFacts(Struct, frozen=True, kw_only=True):
    """What is known of a limit."""

    cause: Cause
    resets_at: float | None = None
    """Unix time, where the agent or a header named one."""
    retry_after: float | None = None
    """Seconds, where the provider asked for them."""
    text: str = ""
    """The message, which may say when: "try again at 3pm"."""
    utc_offset: float = 0.0
    """Seconds that the clock in such a text is ahead of UTC."""
    tries: int = 0
    """How often this was waited for before, without a turn that went well since."""


class Park(Struct, frozen=True, kw_only=True):
    """Rest until `until`."""

    until: float
    """Unix time."""
    wakes: bool = True
    """Go on by itself then; otherwise a person says so."""
    reason: str = ""


def park(limit: LimitFacts, policy: ParkPolicy, now: float, random: Callable[[], float]) -> Park:
    """Until when to rest, in wall time. `random` gives a number in [0, 1)."""
    end = limit_end(limit, now)
    over = now + _guess(limit, policy) if end is None else min(max(end, now), now + policy.longest)
    # Nobody wakes early, and after a short limit nobody wakes long after the others.
    spread = min(policy.spread, max(1.0, (over - now) / 4))
    wakes = policy.wakes or limit.cause != "usage_limit"
    return Park(until=over + spread * random(), wakes=wakes, reason=_reason(limit, end))


def limit_end(limit: LimitFacts, now: float) -> float | None:
    """When the limit is over as far as anybody said; None where nobody did."""
    if limit.resets_at is not None:
        return limit.resets_at
    if limit.retry_after is not None:
        return now + limit.retry_after
    return read_reset(limit.text, now, utc_offset=limit.utc_offset)


def remaining(until: float, parked_at: float, now: float) -> float:
    """Seconds left to rest, 0 when it is over. A clock that was set back never makes it longer than it was meant."""
    return max(0.0, min(until - now, until - parked_at))


def _guess(limit: LimitFacts, policy: ParkPolicy) -> float:
    if limit.cause == "usage_limit":
        return policy.usage_guess
    return float(min(policy.shortest * 2.0 ** min(limit.tries, 20), policy.usage_guess))


def _reason(limit: LimitFacts, end: float | None) -> str:
    unnamed = end is None and limit.cause != "network"
    return _REASONS[limit.cause] + ("; nobody said for how long" if unnamed else "")
