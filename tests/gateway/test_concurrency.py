"""The window widens slowly, halves at once, and never leaves its bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.concurrency import ConcurrencyLimit, up_to


@pytest.mark.parametrize(
    ("limit", "in_flight", "allowed"),
    [
        pytest.param(up_to(4), 3, True, id="one place left"),
        pytest.param(up_to(4), 4, False, id="none left"),
        pytest.param(ConcurrencyLimit(ceiling=4, window=1.9), 1, False, id="a half place is none"),
        pytest.param(ConcurrencyLimit(ceiling=4, window=1.0), 0, True, id="one is always allowed"),
    ],
)
def test_allows(limit: ConcurrencyLimit, in_flight: int, *, allowed: bool) -> None:
    assert limit.allows(in_flight) is allowed


def test_a_storm_of_refusals_halves_once() -> None:
    limit = up_to(64)
    for _ in range(10):
        limit = limit.refused(100.0)

    assert limit == ConcurrencyLimit(ceiling=64, window=32, narrowed_at=100.0)
    assert limit.refused(103.0).window == 16


def test_a_window_full_of_successes_widens_by_about_one() -> None:
    limit = ConcurrencyLimit(ceiling=64, window=8)
    for _ in range(8):
        limit = limit.succeeded(8)

    assert 8.8 < limit.window < 9.1


def test_a_window_that_is_not_used_does_not_widen() -> None:
    assert ConcurrencyLimit(ceiling=64, window=8).succeeded(3).window == 8


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans()), st.integers(1, 100))
def test_the_window_stays_in_bounds(outcomes: list[bool], ceiling: int) -> None:
    limit = up_to(ceiling)
    for time, good in enumerate(outcomes):
        limit = limit.succeeded(ceiling) if good else limit.refused(time * 3.0)

        assert 1.0 <= limit.window <= ceiling
