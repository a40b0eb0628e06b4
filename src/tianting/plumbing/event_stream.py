"""Turns the bytes of a server-sent event stream into events, wherever the network cut them.

Follows the WHATWG standard (html.spec.whatwg.org, "Server-sent events"), less `id` and `retry`: nobody reconnects.
Written by hand because it is the hot path of every answer: whole blocks are cut with `bytes` methods, and only a
block of an unusual shape is read line by line.
"""

from msgspec import Struct

LONGEST_EVENT = 32_000_000
"""Bytes: more than a request may have, so no honest answer comes near."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerSentEvent(Struct, frozen=True, kw_only=True):
    """One event. `event` is `message` where the stream names none."""

    event: str
    data: bytes


class EventTooLong(Exception):
    """The stream goes on with one event for ever. Whoever reads the stream must give it up."""


class EventSplitter:
    """Remembers the unfinished end of one stream. Not to be shared between streams."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._begun = False
        self._after_carriage_return = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes. What the stream ends with unfinished is never an event.

        Raises `EventTooLong` beyond `LONGEST_EVENT`.
        """
        if self._is_between_events() and chunk.endswith(b"\n\n") and b"\r" not in chunk:
            return _events(chunk[:-2])  # as most servers send them
        searched = max(len(self._pending) - 1, 0)
        self._pending += self._with_plain_newlines(chunk)
        if not self._begun and not self._begin():
            return []
        end = self._pending.rfind(b"\n\n", searched)
        if end < 0:
            if len(self._pending) > LONGEST_EVENT:
                raise EventTooLong(f"an event has more than {LONGEST_EVENT:,} bytes")
            return []
        complete = bytes(self._pending[:end])
        del self._pending[: end + 2]
        return _events(complete)

    def _is_between_events(self) -> bool:
        return self._begun and not self._pending and not self._after_carriage_return

    def _with_plain_newlines(self, chunk: bytes) -> bytes:
        """Lines may end in CRLF, LF or CR; a CRLF may be cut in two."""
        if self._after_carriage_return and chunk:
            self._after_carriage_return = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" not in chunk:
            return chunk
        self._after_carriage_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _begin(self) -> bool:
        """Drop a byte order mark; False while it may still be arriving."""
        if len(self._pending) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(self._pending):
            return False
        if self._pending.startswith(_BYTE_ORDER_MARK):
            del self._pending[: len(_BYTE_ORDER_MARK)]
        self._begun = True
        return True


def _events(complete: bytes) -> list[ServerSentEvent]:
    events = []
    for block in complete.split(b"\n\n"):
        name, separator, data = block.partition(b"\ndata: ")
        if separator and name.startswith(b"event: ") and b"\n" not in name and b"\n" not in data:
            events.append(ServerSentEvent(event=name[7:].decode("utf-8", "replace") or "message", data=data))
        elif block.startswith(b"data: ") and b"\n" not in block:
            events.append(ServerSentEvent(event="message", data=block[6:]))
        elif (event := _read_line_by_line(block)) is not None:
            events.append(event)
    return events


def _read_line_by_line(block: bytes) -> ServerSentEvent | None:
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")  # a comment's field is empty
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    if not data:
        return None
    return ServerSentEvent(event=name.decode("utf-8", "replace") or "message", data=b"\n".join(data))
