"""Leaks are told from noise, and told in time."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.forecast import error_of_time, quality
from benchmarks.memory_series import series
from tianting.fleet.verdicts.forecast import (
    Advice,
    Change,
    Fine,
    Forecast,
    ForecastPolicy,
    Recycle,
    Signs,
    Watch,
    advice,
    drift,
    forecast,
    per_hour,
)
from tianting.fleet.verdicts.trends import Point

LIMIT = 2_000.0


def every_10s(*values: float) -> list[Point]:
    return [(10.0 * at, value) for at, value in enumerate(values)]


def rising(count: int, *, start: float = 100.0, each: float = 1.0) -> list[Point]:
    return every_10s(*(start + each * step for step in range(count)))


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([], Forecast(reason="no samples"), id="no samples"),
        pytest.param(rising(23), Forecast(reason="too few samples"), id="too few"),
        pytest.param(
            rising(3, start=3_000),
            Forecast(seconds_to_limit=0.0, confidence=1.0, reason="at its limit"),
            id="there already",
        ),
        pytest.param(rising(60, each=-1), Forecast(reason="does not rise"), id="falls"),
        pytest.param(rising(60, each=0), Forecast(reason="does not rise"), id="level"),
        pytest.param(
            every_10s(*[100.0] * 30, *[180.0] * 30, *[181.0] * 5),
            Forecast(reason="rose in a step or two"),
            id="read a big file",
        ),
        pytest.param(
            every_10s(*(100 + 80 * (1 - math.exp(-step / 10)) for step in range(100))),
            Forecast(reason="rose, and has settled"),
            id="warmed up",
        ),
    ],
)
def test_no_forecast_without_reason(samples: list[Point], expected: Forecast) -> None:
    assert forecast(samples, LIMIT) == expected


def test_a_steady_leak_says_when() -> None:
    seen = forecast(rising(120), LIMIT)

    assert seen.reason == "rises steadily"
    assert seen.seconds_to_limit == pytest.approx((LIMIT - 219) / 0.1, rel=0.02)
    assert seen.confidence > 0.9999
    assert forecast(rising(24), LIMIT).confidence == pytest.approx(0.99916, abs=1e-5), "fewer samples, more chance"


def test_leaks_are_told_from_noise() -> None:
    made = series(20, 400)

    found = quality(made)

    assert found.precision >= 0.95
    assert found.recall >= 0.9
    assert error_of_time(made) < 0.2


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=60).map(sorted),
    st.floats(1, 1e6),
)
def test_any_samples_give_a_forecast(samples: list[Point], limit: float) -> None:
    seen = forecast(samples, limit)

    assert seen.seconds_to_limit is None or seen.seconds_to_limit >= 0
    assert 0 <= seen.confidence <= 1


def test_answers_that_become_slow_are_noticed() -> None:
    quick, slow = [8.0, 12.0, 10.0, 10.0] * 5, [50.0, 60.0, 55.0]

    assert drift(quick + slow) == Change(since=20, factor=5.5)
    assert drift(quick) is None
    assert drift(quick * 3) is None
    assert drift([0.5] * 20 + [5.0] * 3) == Change(since=20, factor=10.0)
    assert drift([0.0] * 20 + slow) == Change(since=20, factor=math.inf)


def test_rates_count_the_last_hour() -> None:
    assert per_hour([0, 100, 3_600, 3_700], now=3_700) == 2
    assert per_hour([3_650], now=3_700, window=600) == 6
    assert per_hour([5_000], now=3_700) == 0


def heading(minutes: float, confidence: float = 0.999) -> Forecast:
    return Forecast(seconds_to_limit=minutes * 60, confidence=confidence)


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        pytest.param(Signs(), Fine(), id="nothing"),
        pytest.param(Signs(forecasts={"memory": Forecast()}), Fine(), id="heads nowhere"),
        pytest.param(Signs(forecasts={"memory": heading(300)}), Fine(), id="far away"),
        pytest.param(
            Signs(forecasts={"memory": heading(200)}),
            Watch(reason="memory reaches its limit in 200 minutes"),
            id="hours",
        ),
        pytest.param(
            Signs(forecasts={"memory": heading(90), "descriptors": heading(20)}),
            Recycle(reason="descriptors reaches its limit in 20 minutes"),
            id="the soonest decides",
        ),
        pytest.param(
            Signs(forecasts={"context": heading(0)}), Recycle(reason="context is at its limit"), id="there already"
        ),
        pytest.param(
            Signs(forecasts={"disk": heading(30)}),
            Recycle(reason="disk reaches its limit in 30 minutes"),
            id="just near",
        ),
        pytest.param(
            Signs(forecasts={"disk": heading(240)}),
            Watch(reason="disk reaches its limit in 240 minutes"),
            id="just seen",
        ),
        pytest.param(Signs(forecasts={"memory": heading(5, confidence=0.9)}), Fine(), id="not sure"),
        pytest.param(
            Signs(forecasts={"memory": heading(200)}, latency=Change(since=9, factor=4)),
            Recycle(reason="it answers 4.0 times slower than it did"),
            id="slow now beats full later",
        ),
        pytest.param(Signs(latency=Change(since=9, factor=2.9)), Fine(), id="a little slower"),
        pytest.param(Signs(restarts_per_hour=3), Watch(reason="3 restarts in an hour"), id="dies often"),
        pytest.param(Signs(retries_per_hour=90), Watch(reason="90 repeated requests in an hour"), id="retries often"),
        pytest.param(Signs(restarts_per_hour=2, retries_per_hour=60), Fine(), id="as often as is usual"),
    ],
)
def test_advice(signs: Signs, expected: Advice) -> None:
    assert advice(signs, ForecastPolicy()) == expected
