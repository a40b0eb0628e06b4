"""A bucket never holds more than it can, pays its debts, and believes the provider when that means less."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.token_bucket import TokenBucket, per_minute


@pytest.mark.parametrize(
    ("taken", "wanted", "later", "wait"),
    [
        pytest.param(0, 1, 0, 0.0, id="full"),
        pytest.param(60, 1, 0, 1.0, id="empty"),
        pytest.param(60, 1, 1, 0.0, id="refilled"),
        pytest.param(90, 1, 0, 31.0, id="in debt"),
        pytest.param(1, 600, 0, 1.0, id="more than it can hold, as soon as it is full"),
        pytest.param(0, 600, 0, 0.0, id="more than it can hold, when full"),
    ],
)
def test_waiting(taken: float, wanted: float, later: float, wait: float) -> None:
    bucket = per_minute(60, now=100.0).take(taken, 100.0)

    assert bucket.wait(wanted, 100.0 + later) == pytest.approx(wait)


def test_a_bucket_that_never_refills_is_waited_for_without_end() -> None:
    assert TokenBucket(capacity=1, rate=0, level=0, at=0).wait(1, 5) == float("inf")


def test_what_was_reserved_too_much_comes_back() -> None:
    assert per_minute(60, now=0).take(50, 0).take(-40, 0).level_at(0) == 50


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            {"limit": 120.0, "remaining": 20.0, "reset": 50.0},
            TokenBucket(capacity=120, rate=2, level=20, at=10),
            id="all is told",
        ),
        pytest.param(
            {"limit": 60.0, "remaining": 60.0, "reset": 0.0},
            TokenBucket(capacity=60, rate=1, level=40, at=10),
            id="our own requests are not in their count yet",
        ),
        pytest.param(
            {"limit": None, "remaining": None, "reset": None},
            TokenBucket(capacity=60, rate=1, level=40, at=10),
            id="nothing is told",
        ),
        pytest.param(
            {"limit": 30.0, "remaining": None, "reset": None},
            TokenBucket(capacity=30, rate=0.5, level=30, at=10),
            id="a lower limit",
        ),
    ],
)
def test_the_provider_is_believed(told: dict[str, float | None], expected: TokenBucket) -> None:
    bucket = TokenBucket(capacity=60, rate=1, level=40, at=10)

    assert bucket.told(limit=told["limit"], remaining=told["remaining"], reset=told["reset"], now=10) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 30))))
def test_never_more_goes_through_than_capacity_and_rate_allow(tries: list[tuple[float, float]]) -> None:
    bucket, now, passed = per_minute(60, now=0.0), 0.0, 0.0
    for pause, amount in tries:
        now += pause
        if amount <= 60 and bucket.wait(amount, now) == 0:
            bucket, passed = bucket.take(amount, now), passed + amount

    assert passed <= 60 + now + 1e-6
