"""Server-sent events: the standard's cases as a table, and every way to cut a stream."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.plumbing.event_stream import LONGEST_EVENT, EventSplitter, EventTooLong, ServerSentEvent


def split(stream: bytes, *cuts: int) -> list[ServerSentEvent]:
    splitter = EventSplitter()
    edges = [0, *sorted(cuts), len(stream)]
    return [event for start, end in pairwise(edges) for event in splitter.feed(stream[start:end])]


def E(name: str, data: bytes) -> ServerSentEvent:  # noqa: N802 (a table reads better with short rows)
    return ServerSentEvent(event=name, data=data)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b"data: a\n\n", [E("message", b"a")], id="unnamed"),
        pytest.param(b"event: ping\ndata: {}\n\n", [E("ping", b"{}")], id="named"),
        pytest.param(b"data: {}\nevent: ping\n\n", [E("ping", b"{}")], id="name after data"),
        pytest.param(b"event: a\nevent: b\ndata: 1\n\n", [E("b", b"1")], id="last name wins"),
        pytest.param(b"event:\ndata: 1\n\n", [E("message", b"1")], id="empty name"),
        pytest.param(b"event: \ndata: 1\n\n", [E("message", b"1")], id="blank name"),
        pytest.param(b"data:a\n\ndata:  b\n\n", [E("message", b"a"), E("message", b" b")], id="one space is no data"),
        pytest.param(b"event:x\ndata:a\n\n", [E("x", b"a")], id="named without spaces"),
        pytest.param(b"data: a\ndata: b\ndata:\n\n", [E("message", b"a\nb\n")], id="lines of data are joined"),
        pytest.param(b"event: x\ndata: a\ndata: b\n\n", [E("x", b"a\nb")], id="named lines are joined"),
        pytest.param(b"data\n\n", [E("message", b"")], id="data without a colon"),
        pytest.param(b"data:\n\n", [E("message", b"")], id="empty data"),
        pytest.param(b"event: x\n\ndata: a\n\n", [E("message", b"a")], id="no data, no event"),
        pytest.param(b": hi\n\n:\n\ndata: a\n\n", [E("message", b"a")], id="comments are ignored"),
        pytest.param(b"event: x\n: hi\ndata: a\n\n", [E("x", b"a")], id="a comment within"),
        pytest.param(b"id: 7\nretry: 3\nevent: x\ndata: a\nid: 8\n\n", [E("x", b"a")], id="other fields are ignored"),
        pytest.param(b"datum: a\n\ndata_x: b\n\n", [], id="unknown fields"),
        pytest.param(
            b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [E("message", b"a"), E("message", b"b")], id="blank lines"
        ),
        pytest.param(b"event: x\r\ndata: a\r\n\r\n", [E("x", b"a")], id="CRLF"),
        pytest.param(b"event: x\rdata: a\r\r", [E("x", b"a")], id="CR"),
        pytest.param(b"event: x\rdata: a\n\r\ndata: b\r\n\r", [E("x", b"a"), E("message", b"b")], id="mixed"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [E("message", b"a")], id="byte order mark"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", [], id="only one byte order mark"),
        pytest.param("event: é\ndata: 天庭\n\n".encode(), [E("é", "天庭".encode())], id="UTF-8"),
        pytest.param(b"event: \xff\ndata: a\n\n", [E("\ufffd", b"a")], id="broken UTF-8 in a name"),
        pytest.param(b"data: a\n\ndata: b\n", [E("message", b"a")], id="unfinished event"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_stream_is_split_as_the_standard_says(stream: bytes, events: list[ServerSentEvent]) -> None:
    assert split(stream) == events
    assert split(stream, *range(len(stream))) == events, "byte by byte"


LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data", b"event: x", "event:é".encode(), b": c", b"", b"", "data: 天".encode(), b"id: 1"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@settings(max_examples=100)
@given(st.data())
def test_cuts_do_not_matter(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.tuples(LINES, ENDS), max_size=12))
    stream = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(line + end for line, end in lines)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))

    assert split(stream, *cuts) == split(stream)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["a", "message"]), st.text(alphabet="ab :\n", max_size=8)), max_size=6))
def test_what_is_written_is_read(events: list[tuple[str, str]]) -> None:
    stream = "".join(
        f"event: {name}\n" + "".join(f"data: {line}\n" for line in text.split("\n")) + "\n" for name, text in events
    )

    assert split(stream.encode()) == [E(name, text.encode()) for name, text in events]


def test_event_that_never_ends_is_given_up() -> None:
    splitter = EventSplitter()
    splitter.feed(b"data: 1\n\n")

    splitter.feed(b"x" * LONGEST_EVENT)
    with pytest.raises(EventTooLong):
        splitter.feed(b"x")
