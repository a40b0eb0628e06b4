"""One page of a text file, whatever the file's size: a log of many gigabytes is read from line five million on
in constant memory.

    skip whole lines -> take lines within the limits -> count what is left

Lines end at `\\n`. Each is decoded as UTF-8, and one that is not as Latin-1, which never fails.
"""

import codecs
import os
from collections.abc import Callable
from typing import BinaryIO

from msgspec import Struct

MAX_LINES = 2_000
MAX_PAGE_BYTES = 50_000
"""Of one page, labels included, as UTF-8."""
MAX_LINE_CHARS = 2_000
LABEL_BYTES = 7
_MAX_LINE_BYTES = 4 * MAX_LINE_CHARS
_CHUNK = 1 << 20
_MAX_COUNTED = 256 * _CHUNK
"""Bytes behind the page that are searched for line ends; beyond, the number of lines stays unknown."""


class TextPage(Struct, frozen=True, kw_only=True):
    """Some neighbouring lines of a file, without their ends."""

    first: int
    """Number of the first line, from 1. Also the number asked for when the file ends before it."""
    lines: tuple[str, ...]
    total: int | None
    """Lines of the whole file; None when it is too long to count."""
    cut_lines: int = 0
    """How many lines were longer than `MAX_LINE_CHARS`."""
    has_nul: bool = False
    """A shown line holds a NUL: this is no text."""
    latin_1: bool = False
    crlf: bool = False
    final_newline: bool = True
    """False only when the last line is shown and does not end."""

    @property
    def last(self) -> int:
        """Number of the last line shown."""
        return self.first + len(self.lines) - 1

    @property
    def is_whole(self) -> bool:
        """Nothing of the file is missing."""
        return self.first == 1 and self.last == self.total and not self.cut_lines


def read_page(file: BinaryIO, first: int, limit: int, check_cancelled: Callable[[], None]) -> TextPage:
    """Read at most `limit` lines of `file` from number `first` (from 1) on.

    Blocks for as long as the disk needs; `check_cancelled` is called between megabytes and may raise.
    Raises `OSError`.
    """
    skipped = _skip_lines(file, first - 1, check_cancelled)
    if skipped < first - 1:
        return TextPage(first=first, lines=(), total=skipped)
    collector = _LineCollector(file, check_cancelled, at_start=first == 1)
    collector.take(limit)
    return collector.page(first, _count_lines(file, collector.unshown, check_cancelled))


def decode_line(line: bytes, *, whole: bool = True) -> tuple[str, bool]:
    """Decode one line; the flag says that it was not UTF-8.

    Of a line that is not `whole`, a character broken off at the end is left out.
    """
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(line, final=whole), False
    except UnicodeDecodeError:
        return line.decode("latin-1"), True


def _skip_lines(file: BinaryIO, count: int, check_cancelled: Callable[[], None]) -> int:
    """Go behind `count` lines, and say how many there were: fewer when the file ends before."""
    skipped = 0
    last = b""
    while skipped < count:
        check_cancelled()
        chunk = file.read(_CHUNK)
        if not chunk:
            return skipped + (last not in {b"", b"\n"})
        ends = chunk.count(b"\n")
        if skipped + ends >= count:
            file.seek(_behind_line(chunk, count - skipped) - len(chunk), os.SEEK_CUR)
            return count
        skipped += ends
        last = chunk[-1:]
    return skipped


def _behind_line(chunk: bytes, count: int) -> int:
    position = 0
    for _ in range(count):
        position = chunk.index(b"\n", position) + 1
    return position


class _LineCollector:
    """Takes lines until a limit is met, and remembers what it noticed on the way."""

    def __init__(self, file: BinaryIO, check_cancelled: Callable[[], None], *, at_start: bool) -> None:
        self._file = file
        self._check_cancelled = check_cancelled
        self._at_start = at_start
        self._room = MAX_PAGE_BYTES
        self._lines: list[str] = []
        self._cut_lines = 0
        self._has_nul = self._latin_1 = self._crlf = False
        self._final_newline = True
        self.unshown = b""
        """What was read and found no room."""

    def take(self, limit: int) -> None:
        for _ in range(limit):
            raw = self._file.readline(_MAX_LINE_BYTES)
            if raw and not self._add(raw):
                self.unshown = raw
            if not raw or self.unshown:
                return

    def page(self, first: int, rest: int | None) -> TextPage:
        return TextPage(
            first=first,
            lines=tuple(self._lines),
            total=None if rest is None else first - 1 + len(self._lines) + rest,
            cut_lines=self._cut_lines,
            has_nul=self._has_nul,
            latin_1=self._latin_1,
            crlf=self._crlf,
            final_newline=self._final_newline,
        )

    def _add(self, raw: bytes) -> bool:
        """Take the line that begins with `raw`; False when the page has no room for it."""
        line = _without_end(raw)
        if self._at_start and not self._lines:
            line = line.removeprefix(codecs.BOM_UTF8)
        text, latin_1 = decode_line(line, whole=len(raw) < _MAX_LINE_BYTES)
        shown = text[:MAX_LINE_CHARS]
        size = LABEL_BYTES + len(shown.encode()) + 1
        if self._lines and size > self._room:
            return False
        self._room -= size
        self._latin_1 |= latin_1
        self._has_nul |= b"\0" in raw
        dropped = len(line) - len(shown.encode("latin-1" if latin_1 else "utf-8")) + self._drop_rest(raw)
        self._cut_lines += dropped > 0
        self._lines.append(f"{shown}… [line cut, {dropped:,} more bytes]" if dropped else shown)
        return True

    def _drop_rest(self, raw: bytes) -> int:
        """Go behind the end of the line that begins with `raw`; the number of bytes passed over."""
        dropped = 0
        while raw and not raw.endswith(b"\n") and len(raw) in {_MAX_LINE_BYTES, _CHUNK}:
            self._check_cancelled()
            raw = self._file.readline(_CHUNK)
            dropped += len(_without_end(raw))
        self._crlf |= raw.endswith(b"\r\n")
        self._final_newline = raw.endswith(b"\n")
        return dropped


def _without_end(raw: bytes) -> bytes:
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def _count_lines(file: BinaryIO, begun: bytes, check_cancelled: Callable[[], None]) -> int | None:
    """How many lines are in `begun` and behind it; None when that is too much to look through."""
    lines = 0
    chunk, last = begun, b"\n"
    for _ in range(_MAX_COUNTED // _CHUNK):
        check_cancelled()
        lines += chunk.count(b"\n")
        last = chunk[-1:] or last
        chunk = file.read(_CHUNK)
        if not chunk:
            return lines + (last != b"\n")
    return None
