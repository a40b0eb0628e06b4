"""What a provider's headers say of a key's limits: how much is left, when it is back, how long to wait.

Anthropic: `anthropic-ratelimit-{requests,tokens,input-tokens}-{limit,remaining,reset}`, reset as RFC 3339.
OpenAI: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, reset as `1s` or `6m0s`. Both: `retry-after`,
`retry-after-ms`.
"""

import calendar
import email.utils
import math
import re
import time
from collections.abc import Mapping

from msgspec import Struct

_SPAN = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|[smhd])")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LONGEST = 32 * 86_400.0
"""Seconds: no limit lasts longer than a month, whatever a header says."""


class Allowance(Struct, frozen=True, kw_only=True):
    """One limit. None where the provider does not tell."""

    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None
    """Seconds from now."""


class RateNotes(Struct, frozen=True, kw_only=True):
    """All that one answer says."""

    requests: Allowance = Allowance()
    tokens: Allowance = Allowance()
    retry_after: float | None = None
    """Seconds."""


def read_rate_notes(headers: Mapping[str, str], now: float) -> RateNotes:
    """Read `headers`, whose names are in lower case. `now` in seconds since 1970. What is malformed says nothing."""
    return RateNotes(
        requests=_allowance(headers, "requests", now),
        tokens=_scarcest([_allowance(headers, kind, now) for kind in ("tokens", "input-tokens")]),
        retry_after=_retry_after(headers, now),
    )


def _allowance(headers: Mapping[str, str], kind: str, now: float) -> Allowance:
    def told(fact: str) -> str | None:
        return headers.get(f"anthropic-ratelimit-{kind}-{fact}") or headers.get(f"x-ratelimit-{fact}-{kind}")

    return Allowance(
        limit=_number(told("limit")), remaining=_number(told("remaining")), reset=_reset(told("reset"), now)
    )


def _scarcest(allowances: list[Allowance]) -> Allowance:
    told = [each for each in allowances if each.remaining is not None]
    return min(told, key=lambda each: each.remaining or 0.0, default=allowances[0])


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    told = headers.get("retry-after")
    seconds = _number(told)
    if seconds is not None or told is None:
        return None if seconds is None else _bounded(seconds)
    # Both dates are the server's, so that our clock may be wrong.
    end, start = _http_date(told), _http_date(headers.get("date"))
    return None if end is None else _bounded(end - (now if start is None else start))


def _reset(text: str | None, now: float) -> float | None:
    if not text:
        return None
    number = _number(text)
    if number is not None:
        return _bounded(number - now if number > _LONGEST else number)
    parts = list(_SPAN.finditer(text))
    if parts and "".join(part[0] for part in parts) == text:
        return _bounded(sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts))
    return _until(text, now)


def _until(text: str, now: float) -> float | None:
    plain = re.sub(r"(\.\d+)?(Z|\+00:00)$", "", text)
    try:
        return _bounded(calendar.timegm(time.strptime(plain, "%Y-%m-%dT%H:%M:%S")) - now)
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(number, 0.0) if math.isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _LONGEST)


def _http_date(date: str | None) -> float | None:
    parsed = email.utils.parsedate_tz(date) if date else None
    try:
        return None if parsed is None else float(email.utils.mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None
