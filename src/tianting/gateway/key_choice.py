"""Which key carries the next request: the one the window used before, for its prompt cache, else the first that can.

Pure: what is known of each key is a `KeyState`, the caller brings the time and writes down what happened.
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from tianting.gateway.circuit import Circuit
from tianting.gateway.concurrency import ConcurrencyLimit, up_to
from tianting.gateway.rate_headers import Allowance, RateNotes
from tianting.gateway.token_bucket import TokenBucket, per_minute
from tianting.gateway.upstream import KeyLimits

_UNTOLD_PAUSE = 10.0
"""Seconds after a 429 that says nothing of when to come back."""
_MINUTE = 60.0


class KeyState(Struct, frozen=True, kw_only=True):
    """What is known of one key."""

    concurrency: ConcurrencyLimit
    requests: TokenBucket | None = None
    tokens: TokenBucket | None = None
    circuit: Circuit = Circuit()
    in_flight: int = 0
    paused_until: float = 0.0
    """The provider said when to come back."""

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a request of about `tokens` can go, apart from those in flight; infinite when never."""
        waits = [self.paused_until - now, (self.circuit.open_until or 0.0) - now]
        waits += [
            bucket.wait(amount, now) for bucket, amount in ((self.requests, 1.0), (self.tokens, tokens)) if bucket
        ]
        return max(0.0, *waits)

    def can_take(self, tokens: float, now: float) -> bool:
        """Whether a request may go now."""
        free = self.concurrency.allows(self.in_flight) and self.circuit.allows(now)
        return free and self.wait(tokens, now) <= 0

    def began(self, tokens: float, now: float) -> "KeyState":
        """A request of about `tokens` goes."""
        return structs.replace(
            self,
            in_flight=self.in_flight + 1,
            circuit=self.circuit.began(now),
            requests=self.requests and self.requests.take(1.0, now),
            tokens=self.tokens and self.tokens.take(tokens, now),
        )

    def ended(self, surplus: float, now: float) -> "KeyState":
        """It is over, and used `surplus` tokens less than was thought."""
        tokens = self.tokens and self.tokens.take(-surplus, now)
        return structs.replace(self, in_flight=self.in_flight - 1, tokens=tokens)

    def answered(self, notes: RateNotes, now: float) -> "KeyState":
        """A good answer began, whose head says `notes`."""
        learned = self._learned(notes, now)
        return structs.replace(
            learned, circuit=self.circuit.succeeded(), concurrency=self.concurrency.succeeded(self.in_flight)
        )

    def limited(self, notes: RateNotes, now: float) -> "KeyState":
        """429 or 529: the key works, and has had enough."""
        told = notes.retry_after
        pause = _UNTOLD_PAUSE if told is None else told
        return structs.replace(
            self._learned(notes, now),
            circuit=self.circuit.abandoned(),
            concurrency=self.concurrency.refused(now),
            paused_until=max(self.paused_until, now + pause),
        )

    def failed(self, now: float) -> "KeyState":
        """No answer, or one that says the provider is broken."""
        return structs.replace(self, circuit=self.circuit.failed(now))

    def refused(self, now: float) -> "KeyState":
        """401: the provider does not take this key."""
        return structs.replace(self, circuit=self.circuit.broken(now))

    def abandoned(self) -> "KeyState":
        """The client left before anything was learned."""
        return structs.replace(self, circuit=self.circuit.abandoned())

    def _learned(self, notes: RateNotes, now: float) -> "KeyState":
        return structs.replace(
            self, requests=_told(self.requests, notes.requests, now), tokens=_told(self.tokens, notes.tokens, now)
        )


def new_key_state(limits: KeyLimits, now: float) -> KeyState:
    """Before the first request."""
    return KeyState(
        concurrency=up_to(limits.concurrency),
        requests=per_minute(limits.requests_per_minute, now) if limits.requests_per_minute else None,
        tokens=per_minute(limits.tokens_per_minute, now) if limits.tokens_per_minute else None,
    )


class Wait(Struct, frozen=True, kw_only=True):
    """No key can take it now."""

    seconds: float
    """Until one can, at the earliest; 0 when it depends on requests that are on their way."""


def choose(
    states: Sequence[KeyState], *, preferred: int | None, excluded: frozenset[int], tokens: float, now: float
) -> int | Wait | None:
    """The place of the key to use; how long to wait; or None when every key is `excluded`, having been tried."""
    order = sorted(
        (place for place in range(len(states)) if place not in excluded), key=lambda place: place != preferred
    )
    for place in order:
        if states[place].can_take(tokens, now):
            return place
    waits = [states[place].wait(tokens, now) for place in order]
    return Wait(seconds=min(waits)) if waits else None


def _told(bucket: TokenBucket | None, allowance: Allowance, now: float) -> TokenBucket | None:
    """Providers' limits are a minute's; where none was set, the first answer that tells one begins the bucket."""
    if bucket is None:
        if not allowance.limit:
            return None
        bucket = per_minute(allowance.limit, now)
    return bucket.told(limit=allowance.limit, remaining=allowance.remaining, reset=allowance.reset, now=now)
