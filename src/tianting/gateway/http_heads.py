"""Reads the heads of HTTP/1.1 requests and answers so strictly that no two readers could understand them differently.

RFC 9112. What is ambiguous is refused, never repaired: a request that we and the upstream cut differently would let one
window speak in another's name (request smuggling).
"""

import re

from msgspec import Struct

_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n\x00]*)?")
_FIELD = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*"
    rb"([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?[ \t]*"
)
_LENGTH = re.compile(r"\d{1,15}")
_MOST_FIELDS = 128
_ONCE = frozenset(
    {"host", "content-length", "transfer-encoding", "authorization", "x-api-key", "content-type", "expect"}
)
"""Fields that mean something to us, and twice would mean two things."""


class BadHead(Exception):
    """It is no HTTP/1.1 that everybody reads alike. `str` says why; nothing of the head is in it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class RequestHead(Struct, frozen=True, kw_only=True):
    """The head of a request. Names of headers in lower case."""

    method: str
    path: str
    query: str
    """With its question mark, or empty."""
    headers: dict[str, str]
    length: int | None
    """Bytes of the body; None when it is chunked."""
    keep_alive: bool


class ResponseHead(Struct, frozen=True, kw_only=True):
    """The head of an answer."""

    status: int
    headers: dict[str, str]
    length: int | None
    """Bytes of the body; None when nobody knows."""
    chunked: bool
    keep_alive: bool


def read_request_head(head: bytes) -> RequestHead:
    """Read `head`, without its blank line. Raises `BadHead`."""
    line, *fields = head.split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise BadHead(400, "the request line is malformed")
    if found[3] == b"0":
        raise BadHead(505, "only HTTP/1.1 is spoken here")
    target = found[2].decode("ascii")
    if not target.startswith("/") or "#" in target:
        raise BadHead(400, "the target must be a path")
    headers = _fields(fields)
    if "host" not in headers:
        raise BadHead(400, "there is no Host")
    path, mark, query = target.partition("?")
    return RequestHead(
        method=found[1].decode("ascii"),
        path=path,
        query=mark + query,
        headers=headers,
        length=_request_length(headers),
        keep_alive="close" not in _tokens(headers.get("connection", "")),
    )


def read_response_head(head: bytes) -> ResponseHead:
    """Read `head`, without its blank line. Raises `BadHead`."""
    line, *fields = head.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        raise BadHead(502, "the status line is malformed")
    headers = _fields(fields)
    status = int(found[2])
    chunked = "transfer-encoding" in headers
    if chunked and (headers["transfer-encoding"].lower() != "chunked" or "content-length" in headers):
        raise BadHead(502, "the length of the answer is ambiguous")
    bodiless = status < 200 or status in (204, 304)
    length = 0 if bodiless else _length(headers, 502)
    close = "close" in _tokens(headers.get("connection", "")) or found[1] == b"0"
    return ResponseHead(
        status=status,
        headers=headers,
        length=length,
        chunked=chunked and not bodiless,
        keep_alive=not close and (chunked or length is not None),
    )


def write_head(first_line: str, headers: dict[str, str]) -> bytes:
    """A head with its blank line. The values come from heads that were read here, or are our own."""
    lines = [first_line, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def end_to_end(headers: dict[str, str]) -> dict[str, str]:
    """`headers` without those that are between two neighbours only."""
    hop = _HOP_BY_HOP | _tokens(headers.get("connection", ""))
    return {name: value for name, value in headers.items() if name not in hop}


_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "content-length", "http2-settings"}
)


def _fields(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > _MOST_FIELDS:
        raise BadHead(431, f"there are more than {_MOST_FIELDS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)  # a line that begins with a space would continue the one before
        if found is None:
            raise BadHead(400, "a header is malformed")
        name, value = found[1].decode("ascii").lower(), (found[2] or b"").decode("latin-1")
        if name in headers:
            if name in _ONCE:
                raise BadHead(400, f"the header {name} stands there twice")
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def _request_length(headers: dict[str, str]) -> int | None:
    if "transfer-encoding" not in headers:
        return _length(headers, 400) or 0
    if "content-length" in headers:
        raise BadHead(400, "Content-Length and Transfer-Encoding contradict each other")
    if headers["transfer-encoding"].lower() != "chunked":
        raise BadHead(501, "of transfer encodings only chunked is known")
    return None


def _length(headers: dict[str, str], status: int) -> int | None:
    told = headers.get("content-length")
    if told is None:
        return None
    if _LENGTH.fullmatch(told) is None:
        raise BadHead(status, "Content-Length is no number")
    return int(told)


def _tokens(value: str) -> frozenset[str]:
    return frozenset(word.strip().lower() for word in value.split(","))
