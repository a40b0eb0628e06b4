"""Lines, wherever the chunks end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.fleet.drivers.line_splitter import LineSplitter


@pytest.mark.parametrize(
    ("chunks", "lines", "rest"),
    [
        pytest.param([b"one\ntwo\n"], [b"one", b"two"], b"", id="whole"),
        pytest.param([b"o", b"ne\nt", b"wo"], [b"one"], b"two", id="in pieces"),
        pytest.param([b"\n\n"], [b"", b""], b"", id="empty lines"),
        pytest.param([b"x" * 1001, b"y\nnext\n"], [b"x" * 200, b"next"], b"", id="too long"),
        pytest.param([b"x" * 600, b"x" * 600, b"z" * 5000], [], b"x" * 200, id="too long without an end"),
    ],
)
def test_chunks_become_lines(chunks: list[bytes], lines: list[bytes], rest: bytes) -> None:
    splitter = LineSplitter(longest=1000)

    assert [line for chunk in chunks for line in splitter.feed(chunk)] == lines
    assert splitter.rest() == rest


@given(st.lists(st.binary(max_size=9).map(lambda raw: raw.replace(b"\0", b"\n"))))
def test_nothing_is_lost(chunks: list[bytes]) -> None:
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]

    assert b"\n".join([*lines, splitter.rest()]) == b"".join(chunks)
