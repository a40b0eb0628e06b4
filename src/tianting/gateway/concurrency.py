"""How many requests a key carries at once, found by trying: one more after each good round, half after a refusal.

Additive increase, multiplicative decrease, as TCP finds its window (Chiu and Jain, 1989).
"""

from msgspec import Struct, structs

_COOLDOWN = 2.0
"""Seconds after a decrease in which further refusals belong to the same storm."""


class ConcurrencyLimit(Struct, frozen=True, kw_only=True):
    """The window, and when it was last narrowed."""

    ceiling: int
    window: float
    narrowed_at: float = float("-inf")

    def allows(self, in_flight: int) -> bool:
        """Whether one more may go."""
        return in_flight < max(int(self.window), 1)

    def succeeded(self, in_flight: int) -> "ConcurrencyLimit":
        """Widen by one for each whole window of successes, but only while the window is what holds us back."""
        if in_flight * 2 < self.window:
            return self
        return structs.replace(self, window=min(float(self.ceiling), self.window + 1 / self.window))

    def refused(self, now: float) -> "ConcurrencyLimit":
        """Halve, once for a storm of refusals."""
        if now - self.narrowed_at < _COOLDOWN:
            return self
        return structs.replace(self, window=max(1.0, self.window / 2), narrowed_at=now)


def up_to(ceiling: int) -> ConcurrencyLimit:
    """Begin wide open: most keys never meet their limit."""
    return ConcurrencyLimit(ceiling=ceiling, window=float(ceiling))
