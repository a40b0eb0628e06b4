"""A line that is too long keeps its shape and loses the least that matters."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.protocol.line_limit import MAX_LINE_BYTES, within_limit

LIMIT = 2_000


def shortened(value: Any) -> Any:
    line = within_limit(msgspec.json.encode(value) + b"\n", LIMIT)
    assert len(line) <= LIMIT
    return msgspec.json.decode(line)


def test_short_line_is_left_as_it_came() -> None:
    assert within_limit(b'{"a" : 1}\n') == b'{"a" : 1}\n'


@pytest.mark.parametrize("size", [MAX_LINE_BYTES - 3, MAX_LINE_BYTES - 2])
def test_limit_counts_the_line_end(size: int) -> None:
    line = b'"' + b"a" * (size - 1) + b'"\n'

    assert (within_limit(line) == line) == (len(line) <= MAX_LINE_BYTES)


def test_long_text_is_cut_with_a_note_and_its_neighbours_stay() -> None:
    cut = shortened({"type": "user", "text": "x" * 5_000, "uuid": "u", "n": [1, 2, 3]})

    note = " [... cut: 5000 characters are too many for one line]"
    assert cut == {"type": "user", "text": "x" * (len(cut["text"]) - len(note)) + note, "uuid": "u", "n": [1, 2, 3]}


def test_the_longest_give_way_first() -> None:
    cut = shortened({"small": "s" * 300, "large": "l" * 4_000, "larger": "m" * 9_000})

    assert cut["small"] == "s" * 300
    assert len(cut["large"]) == pytest.approx(len(cut["larger"]), abs=5)


@pytest.mark.parametrize("text", ["\x00" * 3_000, "天" * 3_000, "a" * 1_900 + "\x01" * 1_000])
def test_text_is_measured_as_json(text: str) -> None:
    assert shortened({"text": text})["text"].endswith("too many for one line]")


@pytest.mark.parametrize("kind", ["image", "document"])
def test_picture_becomes_a_text(kind: str) -> None:
    block = {"type": kind, "source": {"type": "base64", "data": "A" * 3_000}}
    size = len(msgspec.json.encode(block))

    assert shortened([block]) == [{"type": "text", "text": f"[{kind} of {size} bytes left out]"}]


def test_long_list_loses_its_end() -> None:
    cut = shortened(list(range(3_000)))

    assert cut == list(range(len(cut)))


def test_what_has_no_room_left_becomes_empty() -> None:
    assert shortened(["t" * 50] * 100) == [""] * 100
    assert shortened([10**18] * 200) == [None] * 124


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=2_500),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=300), inner, max_size=30),
    max_leaves=60,
)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_whatever_comes_fits(value: Any) -> None:
    shortened(value)


def test_picture_names_the_file_that_holds_it() -> None:
    block = {"type": "image", "source": {"type": "base64", "data": "A" * 3_000}}
    size = len(msgspec.json.encode(block))

    [told] = msgspec.json.decode(within_limit(msgspec.json.encode([block]) + b"\n", LIMIT, whole_in="/l.json"))

    assert told == {"type": "text", "text": f"[image of {size} bytes left out; the whole line is in /l.json]"}


@pytest.mark.parametrize("path", ["/é" * 200, '/"' * 200, "/\x01" * 100])
def test_the_name_of_the_file_is_measured_as_json(path: str) -> None:
    line = within_limit(b'"' + b"x" * 9_000 + b'"\n', LIMIT, whole_in=path)

    assert len(line) <= LIMIT
    assert msgspec.json.decode(line).endswith(f"the whole line is in {path}]")


@settings(max_examples=40, deadline=None)
@given(json_values, st.text(max_size=600))
def test_the_name_of_the_file_takes_no_room_that_is_not_there(value: Any, path: str) -> None:
    assert len(within_limit(msgspec.json.encode(value) + b"\n", LIMIT, whole_in=path)) <= LIMIT
