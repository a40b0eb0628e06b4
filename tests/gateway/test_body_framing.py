"""The end of a body is found wherever the network cuts it, and never a byte behind it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.body_framing import BadFraming, Body


def chunked(*contents: bytes, trailers: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(content), content) for content in contents) + b"0\r\n" + trailers + b"\r\n"


def read(body: Body, *pieces: bytes) -> tuple[bytes, bool, bytes]:
    content = b"".join(body.feed(piece) for piece in pieces)
    return content, body.ended, body.rest


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([chunked(b"hello", b" you")], (b"hello you", True, b""), id="all at once"),
        pytest.param([b"5\r\nhello\r\n", b"0\r\n\r\n"], (b"hello", True, b""), id="chunk by chunk"),
        pytest.param([b"5\r\nhello\r", b"\n0\r", b"\n\r\n"], (b"hello", True, b""), id="cut in the line ends"),
        pytest.param([b"5;a=b\r\nhello\r\n0\r\n\r\n"], (b"hello", True, b""), id="an extension"),
        pytest.param([b"00005\r\nhello\r\n0\r\n\r\n"], (b"hello", True, b""), id="leading zeros"),
        pytest.param([b"A\r\n0123456789\r\n", b"0\r\n\r\n"], (b"0123456789", True, b""), id="capitals"),
        pytest.param([chunked(b"a", trailers=b"x: y\r\n")], (b"a", True, b""), id="trailers"),
        pytest.param([chunked(b"a") + b"GET /"], (b"a", True, b"GET /"), id="what is behind"),
        pytest.param([chunked(b"a"), b""], (b"a", True, b""), id="nothing more"),
        pytest.param([b"5\r\nhel"], (b"hel", False, b""), id="unfinished"),
        pytest.param([b"1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n"], (b"\r\n", True, b""), id="line ends as content"),
    ],
)
def test_chunks(pieces: list[bytes], expected: tuple[bytes, bool, bytes]) -> None:
    assert read(Body(length=None, chunked=True), *pieces) == expected


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"xyz\r\n"], id="no number"),
        pytest.param([b"-5\r\nhello\r\n"], id="a sign"),
        pytest.param([b"\r\n"], id="no size"),
        pytest.param([b"5_0\r\n"], id="a size as only Python reads it"),
        pytest.param([b"fffffffff\r\n"], id="too large"),
        pytest.param([b"5\nhello\r\n0\r\n\r\n"], id="a bare line feed"),
        pytest.param([b"5\r\nhelloXX0\r\n\r\n"], id="longer than it said"),
        pytest.param([b"5\r\nhello\r", b"X"], id="longer, cut"),
        pytest.param([b"1" + b" " * 5000], id="a line without end"),
        pytest.param([b"5;\x00\r\nhello\r\n"], id="a zero byte in an extension"),
    ],
)
def test_malformed_chunks(pieces: list[bytes]) -> None:
    with pytest.raises(BadFraming):
        read(Body(length=None, chunked=True), *pieces)


@pytest.mark.parametrize(
    ("length", "pieces", "expected"),
    [
        pytest.param(5, [b"hel", b"lo"], (b"hello", True, b""), id="in pieces"),
        pytest.param(5, [b"helloGET"], (b"hello", True, b"GET"), id="what is behind"),
        pytest.param(0, [], (b"", True, b""), id="none"),
        pytest.param(None, [b"hel", b"lo"], (b"hello", False, b""), id="until the connection ends"),
    ],
)
def test_lengths(length: int | None, pieces: list[bytes], expected: tuple[bytes, bool, bytes]) -> None:
    assert read(Body(length=length, chunked=False), *pieces) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(0, 400)), st.binary(max_size=5))
def test_cuts_change_nothing(contents: list[bytes], cuts: list[int], behind: bytes) -> None:
    written = chunked(*contents) + behind
    edges = sorted({0, len(written), *(cut for cut in cuts if cut < len(written))})
    body, content, seen = Body(length=None, chunked=True), b"", 0
    for start, end in itertools.pairwise(edges):
        if body.ended:
            break
        content, seen = content + body.feed(written[start:end]), end

    assert (content, body.ended) == (b"".join(contents), True)
    assert seen - len(body.rest) == len(chunked(*contents))
