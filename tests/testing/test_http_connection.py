"""HTTP/1.1 as clients write it, in whatever pieces it arrives."""

import itertools
from collections.abc import Iterator

import anyio
import pytest
from anyio.abc import ByteStream
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.testing.http_connection import HttpConnection, Incoming, Malformed

pytestmark = pytest.mark.anyio


class Pieces(ByteStream):
    """A stream that arrives in the given pieces, and remembers what was sent."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._rest = b""
        self.sent = b""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        self._rest = self._rest or next(self._pieces, b"")
        if not self._rest:
            raise anyio.EndOfStream
        piece, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
        return piece

    async def send(self, item: bytes) -> None:
        self.sent += item

    async def send_eof(self) -> None:
        raise AssertionError("nobody half-closes here")

    async def aclose(self) -> None:
        return


POST = b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Api-Key:  k \r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n"
GET = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"


def connect(*pieces: bytes, chunked: bool = True) -> tuple[HttpConnection, Pieces]:
    stream = Pieces(*pieces)
    ticks = itertools.count(1)
    return HttpConnection(stream, chunked=chunked, now_ns=lambda: next(ticks)), stream


async def requests_in(*pieces: bytes) -> list[Incoming]:
    connection, _ = connect(*pieces)
    requests = []
    while (incoming := await connection.receive()) is not None:
        requests.append(incoming)
    return requests


async def test_request_is_read_whole() -> None:
    assert await requests_in(POST) == [
        Incoming(
            method="POST",
            path="/v1/messages",
            headers={"host": "a", "content-length": "5", "x-api-key": "k"},
            body=b"hello",
            arrived_ns=1,
        )
    ]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, len(POST + CHUNKED + GET)), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_requests(cuts: list[int]) -> None:
    whole = POST + CHUNKED + GET
    places = [0, *sorted(set(cuts) - {0, len(whole)}), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(places)]

    requests = anyio.run(requests_in, *pieces)

    assert [(r.method, r.path, r.body) for r in requests] == [
        ("POST", "/v1/messages", b"hello"),
        ("POST", "/", b"hello"),
        ("GET", "/v1/models", b""),
    ]


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", True, id="kept alive"),
        pytest.param(b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", False, id="asked to close"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", False, id="old HTTP"),
    ],
)
async def test_connection_is_kept_where_the_client_agrees(head: bytes, reusable: bool) -> None:
    connection, _ = connect(head)

    await connection.receive()

    assert connection.reusable == reusable


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"hello\r\n\r\n", 400, id="no request line"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400, id="no length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413, id="too long"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, id="no chunk"),
        pytest.param(b"GET /" + b"a" * 70_000, 400, id="endless head"),
    ],
)
async def test_what_is_no_http_is_refused(sent: bytes, status: int) -> None:
    connection, _ = connect(sent)

    with pytest.raises(Malformed) as caught:
        await connection.receive()

    assert caught.value.status == status


async def test_client_that_waits_for_leave_gets_it() -> None:
    connection, stream = connect(POST.replace(b"Host: a", b"Expect: 100-continue"))

    await connection.receive()

    assert stream.sent == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_answer_of_unknown_length_is_chunked() -> None:
    connection, stream = connect(GET)
    await connection.receive()

    await connection.begin({"a": "b"})
    await connection.send(b"hello, world")
    await connection.end()

    assert stream.sent == (
        b"HTTP/1.1 200 OK\r\na: b\r\ntransfer-encoding: chunked\r\n\r\nc\r\nhello, world\r\n0\r\n\r\n"
    )
    assert connection.reusable


async def test_answer_ends_with_the_connection_where_chunks_are_not_known() -> None:
    connection, stream = connect(GET, chunked=False)
    await connection.receive()

    await connection.begin({})
    await connection.send(b"hello")
    await connection.end()

    assert stream.sent == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello"
    assert not connection.reusable


async def test_hangup_is_noticed_whatever_still_comes() -> None:
    connection, _ = connect(GET, b"more", b"and more")
    await connection.receive()

    with anyio.fail_after(5):
        await connection.wait_for_hangup()

    assert not connection.reusable
