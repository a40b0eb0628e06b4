"""The plan of a chaos run: the same for the same seed, and never more than a policy bears."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.plan import CALM, plan

WINDOWS = tuple(f"n{number:02}" for number in range(50))
CRASHING = {"kill agent", "stop agent", "hang stream"}


def test_same_seed_is_the_same_disaster() -> None:
    assert plan(5, 600, WINDOWS, ("e00",)) == plan(5, 600, WINDOWS, ("e00",))
    assert plan(5, 600, WINDOWS, ("e00",)) != plan(6, 600, WINDOWS, ("e00",))


def test_long_run_has_every_fault() -> None:
    assert Counter(strike.fault for strike in plan(5, 600, WINDOWS, ("e00",))) == {
        "kill agent": 100,
        "stop agent": 40,
        "hang stream": 40,
        "break stream": 60,
        "leak": 1,
        "429 storm": 5,
        "529 storm": 5,
        "kill fleet": 8,
        "kill keeper": 1,
    }


@given(seed=st.integers(0, 1000), duration=st.floats(20, 3600), count=st.integers(1, 80))
@settings(max_examples=50, deadline=None)
def test_no_window_is_struck_more_often_than_its_policy_bears(seed: int, duration: float, count: int) -> None:
    strikes = plan(seed, duration, WINDOWS[:count], ())

    crashes = Counter(strike.window for strike in strikes if strike.fault in CRASHING)
    assert all(times <= 4 for times in crashes.values())  # and the keeper's death makes five
    assert all(CALM * duration <= strike.at <= (1 - CALM) * duration for strike in strikes)
    assert [strike.at for strike in strikes] == sorted(strike.at for strike in strikes)


@pytest.mark.parametrize("seed", range(5))
def test_strikes_against_one_window_are_apart_where_there_is_time(seed: int) -> None:
    strikes = [one for one in plan(seed, 14_400, WINDOWS, ()) if one.fault != "break stream"]

    for window in WINDOWS:
        times = [strike.at for strike in strikes if strike.window == window]
        assert min(after - before for before, after in itertools.pairwise(times)) >= 30
