"""Names and sizes as people may see them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.plumbing.byte_size import in_words
from tianting.plumbing.printable import printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("src/Ä b.py", "src/Ä b.py", id="plain"),
        pytest.param("a\nb\x1b[31m", "a\\nb\\x1b[31m", id="control characters"),
        pytest.param("a\u202eb", "a\\u202eb", id="writing backwards"),
        pytest.param("a\udce9", "a\\udce9", id="undecodable byte"),
        pytest.param("x" * 30, "x" * 19 + "…", id="long"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text, limit=20) == expected


@given(st.text())
def test_printable_is_one_line_that_can_be_encoded(text: str) -> None:
    assert len(printable(text).encode().splitlines()) <= 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (999_960, "1.0 MB"),
        (10**9, "1.0 GB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_size_in_words(size: int, expected: str) -> None:
    assert in_words(size) == expected
