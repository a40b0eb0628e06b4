"""Which key is next: the window's own, then the order of the settings, and never one that cannot."""

import pytest
from msgspec import structs

from tianting.gateway.circuit import Circuit
from tianting.gateway.concurrency import ConcurrencyLimit, up_to
from tianting.gateway.key_choice import KeyState, Wait, choose, new_key_state
from tianting.gateway.rate_headers import Allowance, RateNotes
from tianting.gateway.token_bucket import TokenBucket, per_minute
from tianting.gateway.upstream import KeyLimits

NOW = 1000.0
FREE = KeyState(concurrency=up_to(2))
BUSY = structs.replace(FREE, in_flight=2)
PAUSED = structs.replace(FREE, paused_until=NOW + 30)
OPEN = structs.replace(FREE, circuit=Circuit(failures=5, openings=1, open_until=NOW + 5))
TRYING = structs.replace(FREE, circuit=Circuit(failures=5, openings=1, open_until=NOW - 5, trying=True))
EMPTY = structs.replace(FREE, requests=TokenBucket(capacity=60, rate=1, level=-1, at=NOW))
THIRSTY = structs.replace(FREE, tokens=TokenBucket(capacity=600, rate=10, level=0, at=NOW))


@pytest.mark.parametrize(
    ("states", "preferred", "excluded", "expected"),
    [
        pytest.param([FREE, FREE], None, set(), 0, id="the first"),
        pytest.param([FREE, FREE], 1, set(), 1, id="the window's own, for its cache"),
        pytest.param([FREE, PAUSED], 1, set(), 0, id="unless it cannot"),
        pytest.param([FREE, FREE], None, {0}, 1, id="not again"),
        pytest.param([FREE], None, {0}, None, id="none left to try"),
        pytest.param([BUSY, FREE], None, set(), 1, id="busy"),
        pytest.param([BUSY], None, set(), Wait(seconds=0), id="until a request ends"),
        pytest.param([PAUSED, OPEN], None, set(), Wait(seconds=5), id="until the soonest"),
        pytest.param([TRYING], None, set(), Wait(seconds=0), id="until the try is over"),
        pytest.param([EMPTY], None, set(), Wait(seconds=2), id="until the requests are back"),
        pytest.param([THIRSTY], None, set(), Wait(seconds=10), id="until the tokens are back"),
        pytest.param([], None, set(), None, id="no keys"),
    ],
)
def test_choosing(
    states: list[KeyState], preferred: int | None, excluded: set[int], expected: int | Wait | None
) -> None:
    assert choose(states, preferred=preferred, excluded=frozenset(excluded), tokens=100, now=NOW) == expected


LIMITED = new_key_state(KeyLimits(concurrency=8, requests_per_minute=60, tokens_per_minute=6000), NOW)


def test_a_request_spends_and_what_it_did_not_use_comes_back() -> None:
    began = LIMITED.began(1000, NOW)
    ended = began.ended(900, NOW)

    assert began == structs.replace(
        LIMITED, in_flight=1, requests=per_minute(60, NOW).take(1, NOW), tokens=per_minute(6000, NOW).take(1000, NOW)
    )
    assert (ended.in_flight, ended.tokens) == (0, per_minute(6000, NOW).take(100, NOW))


@pytest.mark.parametrize(
    ("notes", "until"),
    [
        pytest.param(RateNotes(retry_after=42), NOW + 42, id="told"),
        pytest.param(RateNotes(), NOW + 10, id="untold"),
    ],
)
def test_a_limit_pauses_and_halves(notes: RateNotes, until: float) -> None:
    assert FREE.limited(notes, NOW) == structs.replace(
        FREE, paused_until=until, concurrency=ConcurrencyLimit(ceiling=2, window=1, narrowed_at=NOW)
    )


def test_limits_that_nobody_set_are_learned_from_answers() -> None:
    notes = RateNotes(requests=Allowance(limit=50, remaining=20, reset=15))

    learned = FREE.answered(notes, NOW)

    assert learned == structs.replace(FREE, requests=TokenBucket(capacity=50, rate=2, level=20, at=NOW))


def test_failures_open_and_a_good_answer_closes() -> None:
    failed = FREE
    for _ in range(5):
        failed = failed.failed(NOW)

    assert not failed.can_take(1, NOW)
    assert failed.answered(RateNotes(), NOW).can_take(1, NOW)
    assert FREE.refused(NOW).wait(1, NOW) == 300
    assert TRYING.abandoned().can_take(1, NOW)
