"""Any text and any value can be encoded afterwards, and what could be before is untouched."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.plumbing.well_formed import well_formed, well_formed_json

TEXTS = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain ünï", "plain ünï", id="well formed"),
        pytest.param("odd\udcff.py", "odd\ufffd.py", id="byte of a name"),
        pytest.param("\ud83d\ude00", "😀", id="both halves"),
        pytest.param("\ude00\ud83d", "\ufffd\ufffd", id="halves the wrong way round"),
    ],
)
def test_text(text: str, expected: str) -> None:
    assert well_formed(text) == expected


@given(TEXTS)
@settings(max_examples=100)
def test_every_text_can_be_encoded(text: str) -> None:
    assert well_formed(text).encode("utf-8", "surrogateescape") == well_formed(text).encode()


@given(st.recursive(st.none() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
@settings(max_examples=50)
def test_every_value_can_be_encoded(value: Any) -> None:
    msgspec.json.encode(well_formed_json(value))
