"""When a limit is over, as agents tell it to people."""

import calendar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.fleet.verdicts.reset_times import read_reset

NOW = float(calendar.timegm((2026, 11, 20, 14, 0, 0)))
HOUR = 3_600.0
BERLIN = HOUR


@pytest.mark.parametrize(
    ("text", "after"),
    [
        pytest.param("Claude AI usage limit reached|1795219200", 1795219200 - NOW, id="Unix time"),
        pytest.param("You've hit your limit · resets 3pm (UTC)", HOUR, id="later today"),
        pytest.param("You've hit your limit · resets 1:30am (UTC)", 11.5 * HOUR, id="tomorrow"),
        pytest.param("Your limit will reset at 3 p.m.", 0.0, id="the clock of whoever wrote it"),
        pytest.param("resets 12am UTC", 10 * HOUR, id="midnight"),
        pytest.param("resets 12:15 pm UTC", 22.25 * HOUR, id="noon has passed"),
        pytest.param("try again at 1:59 PM UTC", 23 * HOUR + 59 * 60, id="a minute ago is tomorrow"),
        pytest.param("or try again at Nov 21st, 2026 12:00 AM.", 9 * HOUR, id="date with a year"),
        pytest.param("You've hit your weekly limit · resets Nov 22 at 5am (UTC)", 39 * HOUR, id="date without a year"),
        pytest.param("resets December 1, 2026 at 5am UTC", (10 * 24 + 15) * HOUR, id="whole name of a month"),
        pytest.param("resets Foo 1, 2026 at 5am UTC", None, id="no month"),
        pytest.param("resets Nov 99, 2026 at 5am UTC", None, id="no day"),
        pytest.param("Please try again in 1.2s.", 1.2, id="seconds"),
        pytest.param("Please try again in 350ms", 0.35, id="milliseconds"),
        pytest.param("It asks to wait 60 minutes: try again then.", HOUR, id="minutes"),
        pytest.param("Try again in 2 days 3 hours 4 minutes.", 51 * HOUR + 240, id="days"),
        pytest.param("try again in 1 hour, and 30 mins", 1.5 * HOUR, id="with words between"),
        pytest.param("rate limit of 50 requests per minute", None, id="says nothing"),
        pytest.param("", None, id="empty"),
    ],
)
def test_reset(text: str, after: float | None) -> None:
    found = read_reset(text, NOW, utc_offset=BERLIN)

    assert found == (None if after is None else pytest.approx(NOW + after))


def test_a_date_without_a_year_may_be_in_the_next_one() -> None:
    december = float(calendar.timegm((2026, 12, 30, 5, 0, 0)))

    assert read_reset("resets Jan 2 at 5am (UTC)", december, utc_offset=0.0) == december + 3 * 24 * HOUR


def test_a_clock_that_shows_the_time_right_now_means_now() -> None:
    assert read_reset("resets 2pm (UTC)", NOW + 30, utc_offset=0.0) == NOW


@settings(max_examples=100, deadline=None)
@given(
    st.text() | st.from_regex(r"(resets|try again (in|at)) \w{0,9} ?\d{0,6}[:. ,]?\d{0,4} ?[apms]{0,2}", fullmatch=True)
)
def test_any_text_is_read_or_passed_over(text: str) -> None:
    assert isinstance(read_reset(text, NOW, utc_offset=BERLIN), float | None)


@settings(max_examples=100, deadline=None)
@given(now=st.floats(0, 4e9), hour=st.integers(1, 12), minute=st.integers(0, 59), offset=st.integers(-12, 14))
def test_a_time_of_day_is_within_the_next_day(now: float, hour: int, minute: int, offset: int) -> None:
    found = read_reset(f"resets {hour}:{minute:02}pm", now, utc_offset=offset * HOUR)

    assert found is not None
    assert -61 <= found - now <= 24 * HOUR
