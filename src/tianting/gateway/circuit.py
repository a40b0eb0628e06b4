"""Keeps requests away from a key that only fails: closed, open for a while, then half open for one try.

    closed -- failures --> open -- time --> half open -- success --> closed
                             ^---------- failure ----------'

Pure: the caller brings the time, of one clock that never goes back.
"""

from typing import Literal

from msgspec import Struct, structs

_FAILURES = 5
"""In a row, until it opens."""
_SHORTEST = 5.0
_LONGEST = 300.0
"""Seconds it stays open: doubled with every failed try."""

CircuitState = Literal["closed", "open", "half_open"]


class Circuit(Struct, frozen=True, kw_only=True):
    """Closed as long as `open_until` is None."""

    failures: int = 0
    openings: int = 0
    open_until: float | None = None
    trying: bool = False
    """The one try of a half-open circuit is on its way."""

    def state(self, now: float) -> CircuitState:
        """What it is at `now`."""
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until else "half_open"

    def allows(self, now: float) -> bool:
        """Whether a request may go."""
        state = self.state(now)
        return state == "closed" or (state == "half_open" and not self.trying)

    def began(self, now: float) -> "Circuit":
        """A request goes; in a half-open circuit it is the try."""
        return structs.replace(self, trying=True) if self.state(now) == "half_open" else self

    def succeeded(self) -> "Circuit":
        """It closes."""
        return Circuit()

    def abandoned(self) -> "Circuit":
        """The request ended without telling anything, because its client left."""
        return structs.replace(self, trying=False) if self.trying else self

    def failed(self, now: float) -> "Circuit":
        """One failure more. A failed try opens at once, for twice as long."""
        failures = self.failures + 1
        if self.state(now) == "open" or (failures < _FAILURES and not self.trying):
            return structs.replace(self, failures=failures)
        lasts = min(_SHORTEST * 2**self.openings, _LONGEST)
        return Circuit(failures=failures, openings=min(self.openings + 1, 16), open_until=now + lasts)

    def broken(self, now: float) -> "Circuit":
        """Open at once and for the longest time: a key that was refused heals by a person only."""
        return Circuit(failures=self.failures + 1, openings=16, open_until=now + _LONGEST)
