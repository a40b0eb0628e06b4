"""Finds what a worker reports in what its screen says: without it a quoted word would pass for a finished task.

    [TASK] id      [ACK] id      [DONE] id      [ERROR] id reason      [WAIT] id reason      [HELP] id reason

A marker stands at the start of a line, behind nothing but decoration: bullets and the sides of boxes. It does not
count behind words or signs of a quotation, nor where somebody typed it. Ids are compared whole.
"""

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from tianting.fleet.drivers.tmux_echo import SIGNS, TypedText

Word = Literal["TASK", "ACK", "DONE", "ERROR", "WAIT", "HELP"]

_BOX = "\u2500-\u257f|"
_BULLETS = r"●⏺•◦▪‣·*\-"
_BEFORE = rf"(?:[\s{_BOX}]|[{_BULLETS}](?=\s)|\*\*(?=\[))*"
_NAME = r"\[(?P<word>TASK|ACK|DONE|ERROR|WAIT|HELP)\](?:\*\*)?:?"
_ID = r"[^\s\[\]<>\"'`,;]*[^\s\[\]<>\"'`,;.:!?)*]"
_MARKER = re.compile(rf"{_BEFORE}{_NAME}\s+(?:\*\*)?(?P<id>{_ID})(?=[\s.:!?)*,;]|$)(?P<text>.*)")
_ALONE = re.compile(rf"{_BEFORE}{_NAME}\s*")
_SIDES = re.compile(rf"^[\s{_BOX}]+|[\s{_BOX}]+$")
_ITEM = re.compile(rf"[\s{_BOX}]*(?:[{_BULLETS}{SIGNS}]|\d+[.)])\s")
_SEPARATOR = re.compile(r"^[\s.:!?)*,;–—-]+|[\s*]+$")
_SPARE = 4
"""Columns that programs leave free at the right."""
_MOST_SEEN = 10_000


class Marker(Struct, frozen=True, kw_only=True):
    """One report."""

    word: Word
    task_id: str
    text: str = ""
    """What stands behind the id: the reason of an error, the question of a call for help."""


class MarkerReader:
    """Reads the markers of one pane, of lines that come once each and are whole: `plumbing.tmux_reader`."""

    def __init__(self) -> None:
        self._held: _Held | None = None
        self._typed = TypedText()
        self._seen: dict[Marker, None] = {}

    def typed(self, text: str) -> None:
        """`text` was put in, and its echo will be on the screen: what is in it does not count."""
        self._typed.typed(text)

    def expect(self, task_id: str) -> None:
        """The task is handed over again: what was said of it before may be said again."""
        self._seen = {marker: None for marker in self._seen if marker.task_id != task_id}

    def read(self, lines: Iterable[str], width: int) -> list[Marker]:
        """The markers that `lines` add; `width` is the pane's. A marker on the last line waits: it may go on."""
        return [marker for line in lines for marker in self._take(line, width)]

    def rest(self) -> list[Marker]:
        """The marker on the last line, which nothing follows: the screen is quiet."""
        held, self._held = self._held, None
        return [] if held is None else self._count(held.text)

    def _take(self, line: str, width: int) -> list[Marker]:
        if self._held is not None and self._held.goes_on(line, width):
            self._held = _Held(f"{self._held.text} {_SIDES.sub('', line)}", len(line))
            return []
        markers = self.rest()
        if not self._typed.is_typed(line) and (_MARKER.match(line) or _ALONE.fullmatch(line)):
            self._held = _Held(_SIDES.sub("", line), len(line))
        return markers

    def _count(self, line: str) -> list[Marker]:
        found = _MARKER.match(line)
        if found is None:
            return []
        word: Word = found["word"]  # type: ignore[assignment]  # the expression knows no other
        marker = Marker(word=word, task_id=found["id"], text=_SEPARATOR.sub("", found["text"]))
        if marker in self._seen:
            return []
        self._seen[marker] = None
        if len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        return [marker]


class _Held:
    """A line with a marker that may go on in the next, and the length of its last piece."""

    def __init__(self, text: str, length: int) -> None:
        self.text = text
        self._length = length

    def goes_on(self, line: str, width: int) -> bool:
        """Whether `line` was wrapped off it: indented, no item of a list, and its first word had no room above."""
        if not line[:1].isspace() or _ITEM.match(line) or _MARKER.match(line) or _ALONE.fullmatch(line):
            return False
        first = _SIDES.sub("", line).split(maxsplit=1)
        return bool(first) and self._length + 1 + len(first[0]) > width - _SPARE
