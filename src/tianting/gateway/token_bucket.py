"""How much a key may carry per time: a level that refills steadily and is spent by requests."""

from msgspec import Struct, structs


class TokenBucket(Struct, frozen=True, kw_only=True):
    """A level as it was `at` some time. Times in seconds of one clock that never goes back."""

    capacity: float
    rate: float
    """Units per second."""
    level: float
    at: float

    def level_at(self, now: float) -> float:
        """What there is at `now`; negative while a debt is paid off."""
        return min(self.capacity, self.level + max(now - self.at, 0.0) * self.rate)

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` can be taken. More than the capacity can be taken when the bucket is full."""
        missing = min(amount, self.capacity) - self.level_at(now)
        if missing <= 0:
            return 0.0
        return missing / self.rate if self.rate > 0 else float("inf")

    def take(self, amount: float, now: float) -> "TokenBucket":
        """Spend `amount`, even into debt: what was sent was sent. A negative amount gives back."""
        return structs.replace(self, level=min(self.capacity, self.level_at(now) - amount), at=max(now, self.at))

    def told(self, *, limit: float | None, remaining: float | None, reset: float | None, now: float) -> "TokenBucket":
        """Believe the provider: of `limit`, `remaining` are left, and all is back in `reset` seconds.

        Never raises the level beyond our own count: requests on their way are not in the provider's yet.
        """
        capacity = self.capacity if limit is None else max(limit, 1.0)
        level = min(self.level_at(now), capacity)
        rate = self.rate * capacity / self.capacity
        if remaining is not None:
            level = min(level, remaining)
            if reset and remaining < capacity:
                rate = (capacity - remaining) / reset
        return TokenBucket(capacity=capacity, rate=rate, level=level, at=max(now, self.at))


def per_minute(amount: float, now: float) -> TokenBucket:
    """A full bucket that carries `amount` a minute."""
    return TokenBucket(capacity=amount, rate=amount / 60, level=amount, at=now)
