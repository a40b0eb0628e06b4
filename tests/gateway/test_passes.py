"""A token opens the door for its window, as long as it lives, and nothing else does."""

import itertools

import pytest

from tianting.gateway.passes import Passes


def passes() -> Passes:
    numbers = itertools.count(1)
    return Passes(lambda size: f"{next(numbers):0{2 * size}x}")


def test_a_token_says_window_and_owner() -> None:
    held = passes()
    found = held.check(held.issue("w1", "ann", lives=60, now=100), 159)

    assert found is not None
    assert (found.window, found.owner, found.expires_at) == ("w1", "ann", 160)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="none"),
        pytest.param("tgw_00000001_", id="no secret"),
        pytest.param("tgw_00000001_" + "0" * 48, id="another secret"),
        pytest.param("00000001_" + "0" * 47 + "2", id="without its prefix"),
        pytest.param("tgw_00000009_" + "0" * 47 + "2", id="another id"),
        pytest.param("tgw__", id="empty parts"),
        pytest.param("tgw_00000001_\r\nx: y", id="a line break"),
        pytest.param("tgw_00000001_\udcff", id="no text"),
    ],
)
def test_nothing_else_opens(token: str) -> None:
    held = passes()
    assert held.issue("w1", "ann", lives=60, now=0) == "tgw_00000001_" + "0" * 47 + "2"

    assert held.check(token, 1) is None


def test_expired_tokens_are_nobodys_and_are_forgotten() -> None:
    held = passes()
    token = held.issue("w1", "ann", lives=60, now=0)

    assert held.check(token, 60) is None
    held.issue("w2", "ann", lives=60, now=61)
    assert len(held) == 1


def test_revoking_a_token_leaves_the_windows_others() -> None:
    held = passes()
    old, new = held.issue("w1", "ann", lives=60, now=0), held.issue("w1", "ann", lives=60, now=0)

    assert held.revoke(old) == {"w1"}
    assert (held.check(old, 1), held.check(new, 1) is not None) == (None, True)


def test_revoking_a_window_ends_all_its_tokens_and_no_others() -> None:
    held = passes()
    ended = [held.issue("w1", "ann", lives=60, now=0) for _ in range(2)]
    kept = held.issue("w2", "ann", lives=60, now=0)

    assert held.revoke("w1") == {"w1"}
    assert [held.check(token, 1) is not None for token in (*ended, kept)] == [False, False, True]
    assert held.revoke("w9") == frozenset()


def test_a_pass_that_was_shown_can_be_looked_at_again() -> None:
    held = passes()
    shown = held.check(held.issue("w1", "ann", lives=60, now=0), 1)
    assert shown is not None

    assert (held.still_good(shown, 59), held.still_good(shown, 60)) == (True, False)
    held.revoke("w1")
    assert not held.still_good(shown, 1)
