"""Finds where a body ends, wherever the network cut it: after so many bytes, its last chunk, or with the connection.

The bytes themselves are passed on as they came. The usual piece of a stream is exactly one chunk, and is recognised as
a whole without a copy of anything but its content.
"""

import re

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?")
_LONGEST_LINE = 4096


class BadFraming(Exception):
    """The chunks are malformed; where the body ends nobody can know."""


class Body:
    """Follows one body. `length` None: `chunked`, or until the connection ends."""

    def __init__(self, *, length: int | None, chunked: bool) -> None:
        self._chunked = chunked
        self._left = length
        self._line: bytes | None = b""
        """What is there of a size line; None inside a chunk."""
        self._in_trailers = False
        self.ended = length == 0 and not chunked
        self.rest = b""
        """What came behind the end."""

    def feed(self, data: bytes) -> bytes:
        """The content in `data`. Raises `BadFraming`."""
        if self._chunked:
            return self._whole_chunk(data) or self._pieces(data)
        if self._left is None:
            return data
        content = data[: self._left]
        self._left -= len(content)
        self._end_if(self._left == 0, data[len(content) :])
        return content

    def _whole_chunk(self, data: bytes) -> bytes:
        """The content when `data` is exactly one chunk and a new one may begin; else nothing."""
        if self._line != b"" or self._in_trailers:
            return b""
        end = data.find(b"\r\n", 1, 8)
        if end < 0 or not data[:end].isalnum():
            return b""
        try:
            size = int(data[:end], 16)
        except ValueError:
            return b""
        return data[end + 2 : -2] if size and len(data) == end + size + 4 and data.endswith(b"\r\n") else b""

    def _pieces(self, data: bytes) -> bytes:
        contents = []
        while data and not self.ended:
            if self._line is None:
                content, data = self._inside(data)
                contents.append(content)
            else:
                data = self._read_line(data)
        return b"".join(contents)

    def _inside(self, data: bytes) -> tuple[bytes, bytes]:
        """`_left` counts the two bytes behind the content, too."""
        left = self._left or 0
        taken = data[:left]
        content = taken[: max(left - 2, 0)]
        line_end = taken[len(content) :]
        if line_end != b"\r\n"[max(2 - left, 0) :][: len(line_end)]:
            raise BadFraming("a chunk does not end where it said")
        self._left = left - len(taken)
        if self._left == 0:
            self._line = b""
        return content, data[len(taken) :]

    def _read_line(self, data: bytes) -> bytes:
        """Read one line, if it is there; what is behind it."""
        line = (self._line or b"") + data
        end = line.find(b"\r\n")
        if end < 0:
            if len(line) > _LONGEST_LINE:
                raise BadFraming("the line between two chunks has no end")
            self._line = line
            return b""
        self._line = b""
        self._understand(line[:end], line[end + 2 :])
        return b"" if self.ended else line[end + 2 :]

    def _understand(self, line: bytes, behind: bytes) -> None:
        if self._in_trailers:
            self._end_if(not line, behind)
            return
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise BadFraming("the size of a chunk is no number")
        size = int(found[1], 16)
        self._in_trailers = size == 0
        if size:
            self._left, self._line = size + 2, None

    def _end_if(self, ended: bool, rest: bytes) -> None:
        if ended:
            self.ended, self.rest = True, rest
