"""Names that are meant by others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.plumbing.near_names import likeness, nearest


@pytest.mark.parametrize(
    ("word", "names", "expected"),
    [
        pytest.param("sonet", ("haiku", "opus", "sonnet"), ["sonnet"], id="a letter left out"),
        pytest.param("SONNET", ("haiku", "sonnet"), ["sonnet"], id="shouted"),
        pytest.param("gpt-6", ("gpt-6-sol", "gpt-6-luna", "gpt-5", "claude"), ["gpt-5", "gpt-6-sol"], id="best first"),
        pytest.param("x", ("sonnet", ""), [], id="nothing alike"),
        pytest.param("", ("",), [""], id="nothing is like nothing"),
        pytest.param("any", (), [], id="no names"),
    ],
)
def test_nearest(word: str, names: tuple[str, ...], expected: list[str]) -> None:
    assert nearest(word, names, at_least=0.6, most=2) == expected


@settings(max_examples=100)
@given(st.text(), st.text())
def test_likeness_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= likeness(one, other) == likeness(other, one) <= 1
    assert likeness(one, one.lower()) == 1
