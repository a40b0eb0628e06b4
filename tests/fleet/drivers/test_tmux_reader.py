"""A screen is read line by line, each line once, however it is drawn."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.plumbing.tmux_reader import ScreenReader


def read(*looks: str, width: int = 80) -> list[str]:
    """What each look adds; lines are written with spaces between them."""
    reader = ScreenReader()
    return [" ".join(reader.read(look.split(), width)) for look in looks]


@pytest.mark.parametrize(
    ("looks", "new"),
    [
        pytest.param(["a b", "a b"], ["a b", ""], id="nothing new"),
        pytest.param(["a b", "a b c"], ["a b", "c"], id="one below"),
        pytest.param(["a b c", "b c d e"], ["a b c", "d e"], id="scrolled"),
        pytest.param(["a b", "x y"], ["a b", "x y"], id="all others"),
        pytest.param(["a ok", "a ok ok"], ["a ok", "ok"], id="said again"),
        pytest.param(["a box", "a b box", "a b c box"], ["a box", "b", "c"], id="above a box that moves down"),
        pytest.param(["a b c", "", "a b c"], ["a b c", "", ""], id="cleared and drawn again"),
        pytest.param(["a b c", "a", "a b c d"], ["a b c", "", "d"], id="read while it was drawn"),
        pytest.param(["a .1", "a .2", "a .3", "a b .4"], ["a .1", ".2", ".3", "b .4"], id="spinner"),
        pytest.param(["a b", "help", "a b c"], ["a b", "help", "c"], id="behind an overlay"),
        pytest.param(["b c", "a b c"], ["b c", "a"], id="above"),
    ],
)
def test_each_line_is_read_once(looks: list[str], new: list[str]) -> None:
    assert read(*looks) == new


def test_what_is_only_wrapped_otherwise_is_not_new() -> None:
    reader = ScreenReader()
    reader.read(["one two three", "four five"], 80)

    assert reader.read(["one two", "three", "four five", "six"], 8) == ["six"]
    assert reader.read(["one two three", "four five", "six", "seven"], 80) == ["seven"]
    assert reader.read(["one two three", "four five", "six", "seven", "eight"], 80) == ["eight"]


def test_memory_is_bounded_and_forgets_what_is_gone() -> None:
    reader = ScreenReader()
    reader.read(["first", "title"], 80)
    for turn in range(5000):
        assert reader.read(["title", f"spin {turn}"], 80) == [f"spin {turn}"]

    assert reader.read(["title", "spin 4999", "spin 4500"], 80) == ["spin 4500"]
    assert reader.read(["first", "title"], 80) == ["first"]


LINE = st.sampled_from("abcd")


@settings(max_examples=100)
@given(st.lists(LINE, max_size=40), st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_log_that_scrolls_is_read_whole(log: list[str], steps: list[int]) -> None:
    """As long as no more is written between two looks than the look goes back."""
    numbered = [f"{number}{line}" for number, line in enumerate(log)]
    reader = ScreenReader()
    told: list[str] = []
    end = 0
    for step in [*steps, *[6] * 8]:
        end = min(end + step, len(numbered))
        told += reader.read(numbered[max(0, end - 8) : end], 80)

    assert told == numbered


@settings(max_examples=100)
@given(st.lists(st.lists(LINE, max_size=10), max_size=8))
def test_a_line_is_told_at_least_as_often_as_it_ever_stood_there_at_once(looks: list[list[str]]) -> None:
    reader = ScreenReader()
    told: list[str] = []
    for look in looks:
        told += reader.read(look, 80)
        assert reader.read(look, 80) == []

    for line in "abcd":
        assert told.count(line) >= max((look.count(line) for look in looks), default=0)
