"""How long to wait before the next try."""

from collections.abc import Callable

from msgspec import Struct


class Backoff(Struct, frozen=True, kw_only=True):
    """Exponential delays with jitter, so that many clients do not come back at the same moment."""

    first: float = 0.5
    """Seconds before the first repetition."""
    longest: float = 60.0
    """Seconds; no delay exceeds it."""
    jitter: float = 0.25
    """The share of a delay that chance takes off."""

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """Seconds before repetition `attempt` (from 1). `random` gives a number in [0, 1)."""
        whole = min(self.first * 2.0 ** (attempt - 1), self.longest)
        return whole * (1 - self.jitter * random())
