"""How many windows a pool should have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.fleet.verdicts.sizing import PoolFacts, PoolPolicy, next_rate, wanted

POLICY = PoolPolicy(min=2, max=10, spares=1, idle_after=900, half_life=60)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(PoolFacts(in_use=0, idle_for=1e6), 2, id="nobody comes: the least"),
        pytest.param(PoolFacts(in_use=4), 5, id="one is kept ready"),
        pytest.param(PoolFacts(in_use=4, idle_for=900), 4, id="until it is quiet"),
        pytest.param(PoolFacts(in_use=4, idle_for=899), 5, id="not a second earlier"),
        pytest.param(PoolFacts(in_use=3, arrival_rate=0.5, start_seconds=2), 6, id="one arrives during a start"),
        pytest.param(PoolFacts(in_use=3, arrival_rate=2, start_seconds=2), 10, id="many do, up to the most"),
        pytest.param(PoolFacts(in_use=3, arrival_rate=2, start_seconds=0.015), 4, id="quick starts need few"),
        pytest.param(PoolFacts(in_use=12), 12, id="nobody is ended for the bound"),
    ],
)
def test_wanted(facts: PoolFacts, expected: int) -> None:
    assert wanted(facts, POLICY) == expected


def test_the_rate_follows_what_arrives_and_forgets() -> None:
    rate = 0.0
    for _ in range(100):
        rate = next_rate(rate, arrivals=5, seconds=10, policy=POLICY)
    assert rate == pytest.approx(0.5, rel=0.01)

    assert next_rate(rate, 0, 60, POLICY) == pytest.approx(rate / 2)
    assert next_rate(rate, 3, 0, POLICY) == rate, "no time has passed"


@given(
    in_use=st.integers(0, 50),
    rate=st.floats(0, 100),
    start=st.floats(0, 60),
    idle=st.floats(0, 1e5),
    least=st.integers(0, 5),
    most=st.integers(5, 20),
)
def test_bounds_hold(in_use: int, rate: float, start: float, idle: float, least: int, most: int) -> None:
    policy = PoolPolicy(min=least, max=most)
    facts = PoolFacts(in_use=in_use, arrival_rate=rate, start_seconds=start, idle_for=idle)

    count = wanted(facts, policy)

    assert max(in_use, least) <= count <= max(in_use, most)
    assert wanted(PoolFacts(in_use=in_use, idle_for=1e6), policy) <= count
