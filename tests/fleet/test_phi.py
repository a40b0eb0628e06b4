"""How surprising a silence is."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.fleet.verdicts.phi import MOST_SAMPLES, Rhythm, phi


def rhythm(*gaps: float) -> Rhythm:
    return Rhythm(gaps=gaps)


STEADY = rhythm(*[1.0] * 50)


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        pytest.param(1.0, math.log10(2), id="half of all events come later"),
        pytest.param(1.1, 0.799546, id="one deviation"),
        pytest.param(1.3, 2.869692, id="three"),
        pytest.param(1.6, 9.005864, id="six"),
        pytest.param(3.9, 184.554, id="just within floats"),
        pytest.param(4.1, 210.556, id="beyond them"),
        pytest.param(0.0, 0.0, id="no silence"),
    ],
)
def test_a_steady_rhythm_is_believed_to_a_tenth_of_a_second(silence: float, expected: float) -> None:
    assert phi(silence, STEADY) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_no_rhythm_is_known_from_a_few_events() -> None:
    assert phi(1e6, rhythm(*[0.05] * 7)) == 0.0
    assert phi(1e6, rhythm(*[0.05] * 8)) > 8


def test_an_uneven_rhythm_is_patient() -> None:
    random = Random(1)
    uneven = rhythm(*(random.uniform(0, 20) for _ in range(100)))

    assert phi(30, uneven) < 8 < phi(60, uneven)


def test_the_window_forgets_and_a_clock_that_went_back_tells_nothing() -> None:
    known = Rhythm()
    for gap in range(MOST_SAMPLES + 5):
        known = known.heard(float(gap))

    assert known.gaps == tuple(float(gap) for gap in range(5, MOST_SAMPLES + 5))
    assert known.heard(-3.0) is known
    assert Rhythm().heard(0.0) == rhythm(0.0)


@given(gaps=st.lists(st.floats(0, 1e4), min_size=8, max_size=30), early=st.floats(0, 1e6), later=st.floats(0, 1e6))
def test_longer_silence_is_never_less_surprising(gaps: list[float], early: float, later: float) -> None:
    known = rhythm(*gaps)

    assert phi(early, known) <= phi(early + later, known) + 1e-3
    assert math.isfinite(phi(early + later, known))
