"""Reads from a message when a limit is over: agents tell people "try again at 3pm" and programs nothing.

    limit reached|1795219200            Unix time after a bar
    try again in 2 days 3 hours         a wait; also `1.2s`, `350ms`, `60 minutes`
    try again at Nov 21st, 2026 3:05 PM a date
    resets 3pm (UTC)                    the next time that a clock shows it

Pure; a message that says nothing readable is None, never an error.
"""

import calendar
import re
import time

_UNIX = re.compile(r"\|(\d{10})\b")
_WAIT = re.compile(
    r"(?:\bin|wait|after)\s+((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)"
    r"\b[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|mil|[smhd])", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "mil": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_CLOCK = r"(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\b"
_DATE = re.compile(r"\b([a-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(?:(\d{4}),?\s+)?(?:at\s+)?" + _CLOCK, re.I)
_TIME = re.compile(r"(?:\bat|resets?|until)\s+(?:at\s+)?" + _CLOCK, re.IGNORECASE)
_UTC = re.compile(r"\((utc|gmt|z)\)|\b(utc|gmt)\b", re.IGNORECASE)
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAY = 86_400.0


def read_reset(text: str, now: float, *, utc_offset: float) -> float | None:
    """Unix time at which `text` says that a limit is over.

    `utc_offset`: seconds that the clock of the text's writer is ahead of UTC; one that names UTC needs none.
    """
    offset = 0.0 if _UTC.search(text) else utc_offset
    if found := _UNIX.search(text):
        return float(found[1])
    if found := _WAIT.search(text):
        return now + sum(float(number) * _SECONDS[unit.lower()] for number, unit in _PART.findall(found[1]))
    if found := _DATE.search(text):
        return _at_date(found, now + offset, offset)
    if found := _TIME.search(text):
        return _next_time(_seconds_of_day(found[1], found[2], found[3]), now + offset) - offset
    return None


def _at_date(found: re.Match[str], local_now: float, offset: float) -> float | None:
    month = _MONTHS.get(found[1].lower())
    day = int(found[2])
    if month is None or not 1 <= day <= 31:
        return None
    year = int(found[3] or time.gmtime(local_now).tm_year)
    if not found[3] and _midnight(year, month, day) < local_now - 180 * _DAY:
        year += 1  # "Jan 2", said in December
    return _midnight(year, month, day) + _seconds_of_day(found[4], found[5], found[6]) - offset


def _midnight(year: int, month: int, day: int) -> int:
    return calendar.timegm((year, month, day, 0, 0, 0))


def _seconds_of_day(hour: str, minute: str | None, half: str) -> float:
    return (int(hour) % 12 + (12 if half.lower() == "p" else 0)) * 3_600.0 + int(minute or 0) * 60.0


def _next_time(of_day: float, local_now: float) -> float:
    """The next moment at which a clock shows it; a minute ago still counts as now, not as tomorrow."""
    today = local_now - local_now % _DAY + of_day
    return today if today > local_now - 60 else today + _DAY
