"""Time as an argument, so that tests can hold it still."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two ways to read the time."""

    def now(self) -> float:
        """Seconds since 1970, for people and files."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, for durations: never set back."""
        ...


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()


def iso_utc(seconds: float) -> str:
    """`2026-11-20T10:56:00.123Z`, as transcripts write it. By hand: `datetime` is not on the fast path."""
    whole, millis = divmod(round(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"
