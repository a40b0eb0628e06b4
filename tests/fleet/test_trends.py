"""Textbook statistics, held to what the textbook says of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.fleet.verdicts.trends import ewma, level_change, theil_sen, trend_score

CALM = [10.0, 11.0, 9.0, 10.0, 10.5, 9.5, 10.0, 10.2, 9.8, 10.0]


def test_the_average_follows_the_newest_value_by_its_weight() -> None:
    assert ewma([10.0, 20.0, 20.0], 0.5) == 17.5
    assert ewma([10.0], 0.3) == 10.0


@pytest.mark.parametrize(
    ("values", "slope"),
    [
        pytest.param([0, 2, 4, 6, 8], 2.0, id="a line"),
        pytest.param([0, 2, 400, 6, 8], 2.0, id="an outlier does not move it"),
        pytest.param([5, 5, 5], 0.0, id="level"),
        pytest.param([8, 6, 4], -2.0, id="down"),
        pytest.param([5], 0.0, id="a single point has no slope"),
        pytest.param([], 0.0, id="none"),
    ],
)
def test_slope(values: list[float], slope: float) -> None:
    assert theil_sen([(float(at), value) for at, value in enumerate(values)]) == slope


def test_points_of_one_moment_have_no_slope() -> None:
    assert theil_sen([(3.0, 1.0), (3.0, 9.0)]) == 0.0


@pytest.mark.parametrize(
    ("values", "score"),
    [
        pytest.param([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 3.935, id="rises"),
        pytest.param([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], -3.935, id="falls"),
        pytest.param([1, 1, 1, 1], 0.0, id="level"),
        pytest.param([1, 3, 2, 4], 1.019, id="rises, but there is little to go by"),
    ],
)
def test_trend(values: list[float], score: float) -> None:
    assert trend_score(values) == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize(
    ("then", "since"),
    [
        pytest.param([10.0] * 20, None, id="nothing happens"),
        pytest.param([10.0] * 5 + [30.0] * 5, 15, id="a new level"),
        pytest.param([10.0] * 5 + [900.0] + [10.0] * 3 + [10.0] * 20, None, id="once is no level"),
        pytest.param([11.5] * 60, 10, id="a little, for long"),
        pytest.param([2.0] * 20, None, id="lower is no trouble"),
    ],
)
def test_level_change(then: list[float], since: int | None) -> None:
    assert level_change(CALM + then, learn=10) == since


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(-100, 100))
def test_slope_and_score_do_not_depend_on_the_level(values: list[float], shift: float) -> None:
    rounded = [round(value) for value in values]
    moved = [value + round(shift) for value in rounded]

    assert theil_sen(list(enumerate(rounded))) == pytest.approx(theil_sen(list(enumerate(moved))))
    assert trend_score(rounded) == trend_score(moved)
