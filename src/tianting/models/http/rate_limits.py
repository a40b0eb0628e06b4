"""What a provider's headers say of the account's limits, so that a person hears of them before the last request.

Anthropic tells subscribers of windows, each a spent fraction and a time: `anthropic-ratelimit-unified-status`,
`-reset`, `-representative-claim` (the window that counts now), `-5h-utilization` and the like. Every provider refuses
with 429, and says at best how long to wait.
"""

import calendar
import time
from collections.abc import Mapping
from typing import cast, get_args

from tianting.models.http.retry_hints import http_date, plain_number
from tianting.protocol.deltas import RateLimitSeen, RateLimitStatus

_PREFIX = "anthropic-ratelimit-unified-"
_STATUSES: frozenset[str] = frozenset(get_args(RateLimitStatus))
_SHORT_NAMES = {"five_hour": "5h", "seven_day": "7d", "seven_day_overage_included": "7d_oi"}
"""How the headers of a window begin."""


def told_limit(headers: Mapping[str, str]) -> RateLimitSeen | None:
    """What an answer says of the limit that counts; None where it says nothing. `headers` has lower-case names."""
    status = headers.get(f"{_PREFIX}status", "")
    if status not in _STATUSES:
        return None
    window = headers.get(f"{_PREFIX}representative-claim") or None
    short = _SHORT_NAMES.get(window or "", "")
    reset = headers.get(f"{_PREFIX}reset") or headers.get(f"{_PREFIX}{short}-reset")
    return RateLimitSeen(
        status=cast("RateLimitStatus", status),
        resets_at=_moment(reset),
        window=window,
        utilization=plain_number(headers.get(f"{_PREFIX}{short}-utilization")),
    )


def refusing_limit(headers: Mapping[str, str], wait: float | None, *, now: float) -> RateLimitSeen:
    """The limit behind a 429 that asks to `wait` so many seconds. `now` counts where the server sends no date."""
    told = told_limit(headers)
    if told is not None and told.status == "rejected":
        return told
    sent = http_date(headers.get("date"))
    begin = now if sent is None else sent
    return RateLimitSeen(status="rejected", resets_at=None if wait is None else round(begin + wait))


def _moment(text: str | None) -> int | None:
    """Seconds since 1970, told as such or as `2026-11-20T14:00:00Z`."""
    number = plain_number(text)
    if number is not None:
        return round(number)
    try:
        return calendar.timegm(time.strptime(text or "", "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return None
