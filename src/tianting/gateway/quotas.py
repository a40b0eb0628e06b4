"""How much an owner may use per span of time: requests, tokens, money. An estimate is reserved, the truth is booked.

What was used is kept in slots of a sixtieth of the span, so the span slides and nobody gets twice the quota around the
full hour. Pure: the caller brings the time.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

_SLOTS = 60
_ROUNDING = 1e-6
"""Seconds: who waited as long as they were told must find it true."""


class Quota(Struct, frozen=True, kw_only=True):
    """None is without limit."""

    requests: float | None = None
    tokens: float | None = None
    """Input, output and cache together."""
    usd: float | None = None
    span: float = 3600.0
    """Seconds."""


class Amount(Struct, frozen=True, kw_only=True):
    """What was used, or may be."""

    requests: float = 0.0
    tokens: float = 0.0
    usd: float = 0.0

    def plus(self, other: "Amount") -> "Amount":
        """Both together."""
        return Amount(
            requests=self.requests + other.requests, tokens=self.tokens + other.tokens, usd=self.usd + other.usd
        )

    def minus(self, other: "Amount") -> "Amount":
        """What remains without `other`."""
        return Amount(
            requests=self.requests - other.requests, tokens=self.tokens - other.tokens, usd=self.usd - other.usd
        )


NOTHING = Amount()


class OverQuota(Struct, frozen=True, kw_only=True):
    """Why a request must wait."""

    measure: str
    """`requests`, `tokens` or `usd`."""
    limit: float
    span: float
    retry_after: float
    """Seconds until enough of what was used is out of the span; the whole span where that can never be."""


class QuotaAccount:
    """What one owner has used of one quota, and what is reserved."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._slot = quota.span / _SLOTS
        self._used: deque[tuple[float, Amount]] = deque()
        self._total = NOTHING
        self._reserved = NOTHING

    def reserve(self, estimate: Amount, now: float) -> OverQuota | None:
        """Hold `estimate` back until `give_back`; or say why not, and then nothing is held."""
        self._forget(now)
        over = [found for measure in ("requests", "tokens", "usd") if (found := self._over(measure, estimate, now))]
        if over:
            return max(over, key=lambda each: each.retry_after)
        self._reserved = self._reserved.plus(estimate)
        return None

    def give_back(self, estimate: Amount) -> None:
        """End a reservation; `book` what it came to."""
        self._reserved = self._reserved.minus(estimate)

    def book(self, truth: Amount, now: float) -> None:
        """Note what was used."""
        self._forget(now)
        self._total = self._total.plus(truth)
        if self._used and now < self._used[-1][0] + self._slot:
            begun, amount = self._used[-1]
            self._used[-1] = (begun, amount.plus(truth))
        else:
            self._used.append((now, truth))

    def used(self, now: float) -> Amount:
        """Inside the span, reservations not counted."""
        self._forget(now)
        return self._total

    def _over(self, measure: str, estimate: Amount, now: float) -> OverQuota | None:
        limit: float | None = getattr(self.quota, measure)
        if limit is None:
            return None
        wanted = getattr(estimate, measure)
        held = getattr(self._total, measure) + getattr(self._reserved, measure)
        excess = held + wanted - limit
        # Who has used nothing may always try: an estimate that is too high must not lock an owner out for ever.
        if excess <= 0 or (held <= 0 and limit > 0):
            return None
        wait = _wait(((begun, getattr(amount, measure)) for begun, amount in self._used), excess, self.quota.span)
        retry_after = max(wait + self._slot - now, 1.0) if wait is not None else self.quota.span
        return OverQuota(measure=measure, limit=limit, span=self.quota.span, retry_after=retry_after)

    def _forget(self, now: float) -> None:
        """A slot leaves when its youngest use is out of the span."""
        while self._used and self._used[0][0] + self._slot + self.quota.span <= now + _ROUNDING:
            self._total = self._total.minus(self._used.popleft()[1])
        if not self._used:
            self._total = NOTHING  # what rounding left behind


def _wait(used: Iterable[tuple[float, float]], excess: float, span: float) -> float | None:
    """When enough slots have left to make up for `excess`; None when all of them are not enough."""
    for begun, amount in used:
        excess -= amount
        if excess <= 1e-9:
            return begun + span
    return None
