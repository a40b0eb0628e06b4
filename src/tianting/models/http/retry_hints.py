"""How long a provider asks us to wait: in milliseconds, in seconds, as a date, or in its prose."""

import email.utils
import math
import re
from collections.abc import Mapping


def retry_after(headers: Mapping[str, str], message: str) -> float | None:
    """Seconds to wait, or None. `headers` has lower-case names; the most exact hint wins."""
    milliseconds = plain_number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    if told := headers.get("retry-after"):
        seconds = plain_number(told)
        return seconds if seconds is not None else _until(told, headers.get("date"))
    return _in_prose(message)


def plain_number(text: str | None) -> float | None:
    """What a header counts: providers send `30`, `1.5` and worse. Nothing counts below zero."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(number, 0.0) if math.isfinite(number) else None


def _until(moment: str, now: str | None) -> float | None:
    """Both dates are the server's, so that our clock may be wrong."""
    end, start = http_date(moment), http_date(now)
    return None if end is None or start is None else max(end - start, 0.0)


def http_date(date: str | None) -> float | None:
    """Seconds since 1970 of `Fri, 20 Nov 2026 10:56:00 GMT`; None where it is no date."""
    parsed = email.utils.parsedate_tz(date) if date else None
    try:
        return None if parsed is None else float(email.utils.mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None


_AGAIN = r"(?:try again|retry|available again) (?:in|after) (?:about )?"
_SPAN = r"((?:\d+ ?h(?:ours?)? ?)?(?:\d+ ?m(?:in(?:utes?)?)?(?![a-z]) ?)?(?:\d+(?:\.\d+)? ?(?:ms|milliseconds|s)?)?)"
_PART = r"(\d+(?:\.\d+)?) ?(ms|milliseconds|[hms]?)"
_UNIT = {"ms": 0.001, "milliseconds": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


def _in_prose(message: str) -> float | None:
    """`Please try again in 1m30.5s.`"""
    found = re.search(_AGAIN + _SPAN, message.lower())
    parts = re.findall(_PART, found.group(1)) if found else []
    return sum(float(number) * _UNIT[unit] for number, unit in parts) if parts else None
