"""Reserve, then book: nobody gets more than the quota in any span, and nobody is locked out by an estimate."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.allowances import Allowances, over_quota_line
from tianting.gateway.quotas import Amount, OverQuota, Quota, QuotaAccount


def account(quota: Quota, *used: tuple[float, float]) -> QuotaAccount:
    opened = QuotaAccount(quota)
    for at, tokens in used:
        opened.book(Amount(requests=1, tokens=tokens), at)
    return opened


@pytest.mark.parametrize(
    ("quota", "used", "expected"),
    [
        pytest.param(Quota(), [(0.0, 1e9)], None, id="no limits"),
        pytest.param(Quota(tokens=100, span=60), [(0.0, 50.0)], None, id="fits"),
        pytest.param(
            Quota(tokens=100, span=60),
            [(0.0, 60.0)],
            OverQuota(measure="tokens", limit=100, span=60, retry_after=51.0),
            id="comes back when the oldest use is out of the span",
        ),
        pytest.param(
            Quota(tokens=100, span=60),
            [(0.0, 5.0), (5.0, 60.0)],
            OverQuota(measure="tokens", limit=100, span=60, retry_after=56.0),
            id="the oldest is not enough",
        ),
        pytest.param(
            Quota(requests=1, span=60),
            [(0.0, 0.0)],
            OverQuota(measure="requests", limit=1, span=60, retry_after=51.0),
            id="requests",
        ),
        pytest.param(
            Quota(tokens=10, span=60),
            [(0.0, 5.0)],
            OverQuota(measure="tokens", limit=10, span=60, retry_after=60),
            id="an estimate beyond the whole quota",
        ),
        pytest.param(Quota(tokens=10, span=60), [], None, id="who used nothing may try even so"),
        pytest.param(
            Quota(tokens=0, span=60),
            [],
            OverQuota(measure="tokens", limit=0, span=60, retry_after=60),
            id="a quota of nothing is nothing",
        ),
        pytest.param(Quota(tokens=100, span=60), [(-90.0, 100.0)], None, id="long ago"),
    ],
)
def test_reserving(quota: Quota, used: list[tuple[float, float]], expected: OverQuota | None) -> None:
    assert account(quota, *used).reserve(Amount(requests=1, tokens=50), now=10.0) == expected


def test_what_is_reserved_counts_until_the_truth_is_known() -> None:
    opened = account(Quota(tokens=100, span=60), (0.0, 1.0))
    estimate = Amount(tokens=90)
    assert opened.reserve(estimate, 1.0) is None
    assert opened.reserve(estimate, 1.0) is not None

    opened.give_back(estimate)
    opened.book(Amount(tokens=5), 2.0)

    assert opened.used(2.0) == Amount(requests=1, tokens=6)
    assert opened.reserve(estimate, 2.0) is None


def test_of_several_quotas_one_that_is_used_up_holds_back_nothing_in_the_others() -> None:
    quotas = {"ann": (Quota(tokens=100, span=60), Quota(requests=1, span=60))}
    allowances = Allowances(quotas, lambda owner, span: [])
    one = Amount(requests=1, tokens=50)
    assert allowances.reserve("ann", one, 0.0) is None

    for _ in range(5):
        over = allowances.reserve("ann", one, 0.0)
        assert over is not None
        assert over.measure == "requests"
    allowances.commit("ann", one, Amount(), 0.0)

    assert allowances.reserve("ann", one, 0.0) is None


def test_what_the_ledger_remembers_counts() -> None:
    allowances = Allowances({"*": (Quota(usd=1, span=60),)}, lambda owner, span: [(30.0, Amount(usd=1.0))])

    over = allowances.reserve("anybody", Amount(usd=0.1), 1000.0)

    assert over == OverQuota(measure="usd", limit=1, span=60, retry_after=31.0)


@pytest.mark.parametrize(
    ("over", "line"),
    [
        pytest.param(
            OverQuota(measure="usd", limit=2.5, span=86_400, retry_after=61.2),
            "The quota of ann is used up: $2.5 in one day. "
            "Try again in 61 s, or ask whoever runs the gateway for more.",
            id="money a day",
        ),
        pytest.param(
            OverQuota(measure="tokens", limit=1_000_000, span=7200, retry_after=5),
            "The quota of ann is used up: 1,000,000 tokens in 2 hours. "
            "Try again in 5 s, or ask whoever runs the gateway for more.",
            id="tokens in two hours",
        ),
        pytest.param(
            OverQuota(measure="requests", limit=5, span=7.5, retry_after=5),
            "The quota of ann is used up: 5 requests in 7.5 s. "
            "Try again in 5 s, or ask whoever runs the gateway for more.",
            id="an odd span",
        ),
    ],
)
def test_whose_quota_it_is_stands_in_the_message(over: OverQuota, line: str) -> None:
    assert over_quota_line("ann", over) == line


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(1, 40)), max_size=60))
def test_no_span_holds_more_than_the_quota(tries: list[tuple[float, float]]) -> None:
    opened, now, passed = QuotaAccount(Quota(tokens=100, span=60)), 0.0, []
    for pause, tokens in tries:
        now += pause
        if opened.reserve(Amount(tokens=tokens), now) is None:
            opened.give_back(Amount(tokens=tokens))
            opened.book(Amount(tokens=tokens), now)
            passed.append((now, tokens))

    for end, _ in passed:
        assert sum(tokens for at, tokens in passed if end - 60 < at <= end) <= 100 + 1e-6


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(1, 90)), min_size=1, max_size=20))
def test_waiting_as_long_as_told_is_long_enough(uses: list[tuple[float, float]]) -> None:
    opened, now = QuotaAccount(Quota(tokens=100, span=60)), 0.0
    for pause, tokens in uses:
        now += pause
        over = opened.reserve(Amount(tokens=tokens), now)
        if over is not None:
            now += over.retry_after
            assert opened.reserve(Amount(tokens=tokens), now) is None
        opened.give_back(Amount(tokens=tokens))
        opened.book(Amount(tokens=tokens), now)
