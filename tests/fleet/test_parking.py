"""How long a window rests, and who wakes it."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.fleet.verdicts.parking import Cause, LimitFacts, Park, ParkPolicy, limit_end, park, remaining

NOW = 1_795_000_000.0
OWNER_ALLOWS = ParkPolicy(wakes=True)


def never() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("limit", "policy", "expected"),
    [
        pytest.param(
            LimitFacts(cause="rate_limit", resets_at=NOW + 40, retry_after=9.0, text="try again in 3s"),
            ParkPolicy(),
            Park(until=NOW + 40, reason="rate limit of the provider"),
            id="a time beats a wait beats words",
        ),
        pytest.param(
            LimitFacts(cause="overloaded", retry_after=9.0, text="try again in 3s"),
            ParkPolicy(),
            Park(until=NOW + 9, reason="the provider is overloaded"),
            id="a wait beats words",
        ),
        pytest.param(
            LimitFacts(cause="rate_limit", text="try again in 3s"),
            ParkPolicy(),
            Park(until=NOW + 3, reason="rate limit of the provider"),
            id="words",
        ),
        pytest.param(
            LimitFacts(cause="network"),
            ParkPolicy(),
            Park(until=NOW + 5, reason="the provider cannot be reached"),
            id="a guess",
        ),
        pytest.param(
            LimitFacts(cause="overloaded", tries=3),
            ParkPolicy(),
            Park(until=NOW + 40, reason="the provider is overloaded; nobody said for how long"),
            id="the guess doubles",
        ),
        pytest.param(
            LimitFacts(cause="network", tries=10_000),
            ParkPolicy(),
            Park(until=NOW + 3_600, reason="the provider cannot be reached"),
            id="but not for ever",
        ),
        pytest.param(
            LimitFacts(cause="usage_limit", resets_at=NOW + 7_200),
            ParkPolicy(),
            Park(until=NOW + 7_200, wakes=False, reason="usage limit of the account"),
            id="nobody allowed it to go on by itself",
        ),
        pytest.param(
            LimitFacts(cause="usage_limit"),
            OWNER_ALLOWS,
            Park(until=NOW + 3_600, reason="usage limit of the account; nobody said for how long"),
            id="the owner allowed it",
        ),
        pytest.param(
            LimitFacts(cause="usage_limit", resets_at=NOW + 1e9),
            OWNER_ALLOWS,
            Park(until=NOW + 8 * 86_400, reason="usage limit of the account"),
            id="no limit lasts for years",
        ),
        pytest.param(
            LimitFacts(cause="rate_limit", resets_at=NOW - 500),
            ParkPolicy(),
            Park(until=NOW, reason="rate limit of the provider"),
            id="over already",
        ),
    ],
)
def test_park(limit: LimitFacts, policy: ParkPolicy, expected: Park) -> None:
    assert park(limit, policy, NOW, never) == expected


def test_fifty_windows_do_not_wake_in_one_second() -> None:
    random = Random(5).random
    limit = LimitFacts(cause="usage_limit", resets_at=NOW + 7_200)

    wake = sorted(park(limit, OWNER_ALLOWS, NOW, random).until for _ in range(50))

    assert wake[0] >= NOW + 7_200
    assert wake[-1] <= NOW + 7_230
    assert max(sum(start <= other < start + 1 for other in wake) for start in wake) <= 6


def test_a_short_limit_spreads_over_a_short_time() -> None:
    limit = LimitFacts(cause="rate_limit", retry_after=8.0)

    assert park(limit, ParkPolicy(), NOW, lambda: 0.5).until == NOW + 8 + 0.5 * 2


@pytest.mark.parametrize(
    ("now", "left"),
    [
        pytest.param(NOW, 600.0, id="just parked"),
        pytest.param(NOW + 599, 1.0, id="nearly over"),
        pytest.param(NOW + 601, 0.0, id="over"),
        pytest.param(NOW + 1e7, 0.0, id="the clock was set forward"),
        pytest.param(NOW - 1e7, 600.0, id="the clock was set back: never longer than it was meant"),
    ],
)
def test_remaining(now: float, left: float) -> None:
    assert remaining(NOW + 600, NOW, now) == left


@settings(max_examples=100, deadline=None)
@given(
    cause=st.sampled_from(["rate_limit", "usage_limit", "overloaded", "network"]),
    resets_at=st.none() | st.floats(0, 1e11),
    retry_after=st.none() | st.floats(0, 1e9),
    tries=st.integers(0, 10**6),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_nobody_wakes_before_the_end_or_after_the_longest(
    cause: Cause, resets_at: float | None, retry_after: float | None, tries: int, chance: float
) -> None:
    limit = LimitFacts(cause=cause, resets_at=resets_at, retry_after=retry_after, tries=tries)
    policy = ParkPolicy()

    until = park(limit, policy, NOW, lambda: chance).until

    assert NOW <= until <= NOW + policy.longest + policy.spread
    assert until >= min(limit_end(limit, NOW) or NOW, NOW + policy.longest)
