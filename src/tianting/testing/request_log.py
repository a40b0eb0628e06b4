"""What came in and when, as JSON lines: a benchmark reads from it what an agent sent and how long it took."""

from pathlib import Path
from types import TracebackType

import msgspec

from tianting.testing.http_connection import Incoming

_SECRET = ("authorization", "x-api-key")


class RequestLog:
    """One line for each request, written when it is over.

    `{"method", "path", "headers", "body", "arrived_ns", "answered_ns"}`: first byte of the request, last byte of the
    answer (null when it got none, or a part). A body that is JSON stands as JSON. Keys are left out.
    Without `bodies` it is null: to write out a long conversation at every request would hold the server up.
    """

    def __init__(self, path: Path, *, bodies: bool = True) -> None:
        self._file = path.open("ab", buffering=0)
        self._bodies = bodies

    def __enter__(self) -> "RequestLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, incoming: Incoming, answered_ns: int | None) -> None:
        """Add a line. Raises `OSError`."""
        line = {
            "method": incoming.method,
            "path": incoming.path,
            "headers": {name: "[key]" if name in _SECRET else value for name, value in incoming.headers.items()},
            "body": _readable(incoming.body) if self._bodies else None,
            "arrived_ns": incoming.arrived_ns,
            "answered_ns": answered_ns,
        }
        self._file.write(msgspec.json.encode(line) + b"\n")


def _readable(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
