"""Only heads that every reader understands alike are read; all others are refused, and never repaired."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.http_heads import (
    BadHead,
    RequestHead,
    ResponseHead,
    end_to_end,
    read_request_head,
    read_response_head,
    write_head,
)


def head(*lines: str) -> bytes:
    return "\r\n".join(lines).encode("latin-1")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(
            head("POST /v1/messages?beta=true HTTP/1.1", "Host: x", "Content-Length: 12", "X-A:  b\t", "x-a: c"),
            RequestHead(
                method="POST",
                path="/v1/messages",
                query="?beta=true",
                headers={"host": "x", "content-length": "12", "x-a": "b, c"},
                length=12,
                keep_alive=True,
            ),
            id="with a body",
        ),
        pytest.param(
            head("GET /v1/models HTTP/1.1", "Host: x", "Connection: Close", "X-Empty:"),
            RequestHead(
                method="GET",
                path="/v1/models",
                query="",
                headers={"host": "x", "connection": "Close", "x-empty": ""},
                length=0,
                keep_alive=False,
            ),
            id="without",
        ),
        pytest.param(
            head("POST /a HTTP/1.1", "Host: x", "Transfer-Encoding: Chunked"),
            RequestHead(
                method="POST",
                path="/a",
                query="",
                headers={"host": "x", "transfer-encoding": "Chunked"},
                length=None,
                keep_alive=True,
            ),
            id="chunked",
        ),
    ],
)
def test_requests(written: bytes, expected: RequestHead) -> None:
    assert read_request_head(written) == expected


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param(
            ["POST /a HTTP/1.1", "Host: x", "Content-Length: 3", "Transfer-Encoding: chunked"], 400, id="CL+TE"
        ),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "Content-Length: 3", "Content-Length: 3"], 400, id="CL twice"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "Content-Length: 3, 3"], 400, id="CL list"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "Content-Length: +3"], 400, id="CL with a sign"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "Content-Length: 0x3"], 400, id="CL in hexadecimal"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "Content-Length: " + "9" * 20], 400, id="CL without end"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "Transfer-Encoding: gzip, chunked"], 501, id="TE list"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "Transfer-Encoding : chunked"], 400, id="space before the colon"),
        pytest.param(
            ["POST /a HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "Transfer-Encoding: x"], 400, id="TE twice"
        ),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "X-A: b", " folded"], 400, id="a folded line"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "X-A: b\nX-B: c"], 400, id="a bare line feed"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "X-A: b\rX-B: c"], 400, id="a bare carriage return"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "X-A: b\x00"], 400, id="a zero byte"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", ": b"], 400, id="no name"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "nonsense"], 400, id="no colon"),
        pytest.param(["POST /a HTTP/1.1"], 400, id="no host"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "Host: y"], 400, id="two hosts"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", "X-Api-Key: a", "X-Api-Key: b"], 400, id="two tokens"),
        pytest.param(["POST http://evil/v1/messages HTTP/1.1", "Host: x"], 400, id="absolute form"),
        pytest.param(["POST * HTTP/1.1", "Host: x"], 400, id="asterisk form"),
        pytest.param(["CONNECT evil:443 HTTP/1.1", "Host: x"], 400, id="authority form"),
        pytest.param(["POST /a#b HTTP/1.1", "Host: x"], 400, id="a fragment"),
        pytest.param(["POST  /a HTTP/1.1", "Host: x"], 400, id="two spaces"),
        pytest.param(["POST /a\tb HTTP/1.1", "Host: x"], 400, id="a tab in the target"),
        pytest.param(["POST /ä HTTP/1.1", "Host: x"], 400, id="no ASCII in the target"),
        pytest.param(["post /a HTTP/1.1", "Host: x"], 400, id="a method in lower case"),
        pytest.param(["POST /a HTTP/1.0", "Host: x"], 505, id="HTTP/1.0"),
        pytest.param(["PRI * HTTP/2.0", ""], 400, id="HTTP/2"),
        pytest.param(["", "Host: x"], 400, id="nothing"),
        pytest.param(["POST /a HTTP/1.1", "Host: x", *["A: b"] * 128], 431, id="too many headers"),
    ],
)
def test_ambiguous_requests_are_refused(lines: list[str], status: int) -> None:
    with pytest.raises(BadHead) as refused:
        read_request_head(head(*lines))

    assert refused.value.status == status


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(
            head("HTTP/1.1 200 OK", "Content-Length: 5"),
            ResponseHead(status=200, headers={"content-length": "5"}, length=5, chunked=False, keep_alive=True),
            id="of known length",
        ),
        pytest.param(
            head("HTTP/1.1 200", "Transfer-Encoding: chunked"),
            ResponseHead(
                status=200, headers={"transfer-encoding": "chunked"}, length=None, chunked=True, keep_alive=True
            ),
            id="chunked, without words",
        ),
        pytest.param(
            head("HTTP/1.1 200 OK"),
            ResponseHead(status=200, headers={}, length=None, chunked=False, keep_alive=False),
            id="until the end",
        ),
        pytest.param(
            head("HTTP/1.0 200 OK", "Content-Length: 5"),
            ResponseHead(status=200, headers={"content-length": "5"}, length=5, chunked=False, keep_alive=False),
            id="old",
        ),
        pytest.param(
            head("HTTP/1.1 204 No Content"),
            ResponseHead(status=204, headers={}, length=0, chunked=False, keep_alive=True),
            id="without a body",
        ),
    ],
)
def test_answers(written: bytes, expected: ResponseHead) -> None:
    assert read_response_head(written) == expected


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["HTTP/2 200 OK"], id="another version"),
        pytest.param(["SSH-2.0-OpenSSH"], id="another protocol"),
        pytest.param(["HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: chunked"], id="CL+TE"),
        pytest.param(["HTTP/1.1 200 OK", "Transfer-Encoding: gzip"], id="an unknown encoding"),
        pytest.param(["HTTP/1.1 200 OK", "Content-Length: some"], id="no number"),
    ],
)
def test_answers_that_nobody_can_delimit(lines: list[str]) -> None:
    with pytest.raises(BadHead):
        read_response_head(head(*lines))


def test_only_what_is_end_to_end_goes_on() -> None:
    headers = {"connection": "close, X-Mine", "x-mine": "1", "te": "trailers", "upgrade": "h2c", "accept": "*/*"}

    assert end_to_end(headers) == {"accept": "*/*"}


def test_what_is_written_can_be_read_again() -> None:
    written = write_head("GET /v1/models HTTP/1.1", {"host": "x", "a": "b"})

    assert read_request_head(written.removesuffix(b"\r\n\r\n")).headers == {"host": "x", "a": "b"}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(written: bytes) -> None:
    for read in (read_request_head, read_response_head):
        with contextlib.suppress(BadHead):
            read(b"GET / HTTP/1.1\r\nHost: x\r\n" + written)
        with contextlib.suppress(BadHead):
            read(written)
