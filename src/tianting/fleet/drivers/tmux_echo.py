"""Tells what somebody typed from what a program says: a screen shows both, and only one of them is an answer."""

import re
from collections.abc import Callable

SIGNS = "❯›>"
"""Stand before what was typed, at the very start of a line. What is indented below belongs to it."""
_BOX = re.compile("^[\\s\u2500-\u257f|]+|[\\s\u2500-\u257f|]+$")
_MOST = 20
_SHORTEST_START = 8
"""Characters by which an echo is known; a shorter first line would be found everywhere."""


class TypedText:
    """Follows one screen, of which `is_typed` is asked line by line."""

    def __init__(self) -> None:
        self._by_hand = False
        self._echoes: list[Callable[[str], bool]] = []

    def typed(self, text: str) -> None:
        """`text` was put in, and its echo will come, whatever signs it has."""
        self._echoes = [*self._echoes, _Echo(text).goes_on][-_MOST:]

    def is_typed(self, line: str) -> bool:
        """Whether `line`, which comes after those that were asked of before, was typed."""
        echoed = [goes_on(line) for goes_on in self._echoes]
        if line[:1].strip():
            self._by_hand = line[0] in SIGNS
        return self._by_hand or any(echoed)


class _Echo:
    """Follows a text as it comes up, however it is wrapped and indented there."""

    def __init__(self, text: str) -> None:
        self._text = _bare(text)
        self._at = 0

    def goes_on(self, line: str) -> bool:
        """Whether `line` is its first, or the next after the one before."""
        bare = _bare(_BOX.sub("", line).lstrip(SIGNS))
        if bare and self._at and self._text.startswith(bare, self._at):
            self._at += len(bare)
            return True
        begins = self._text.startswith(bare) and len(bare) >= min(_SHORTEST_START, len(self._text)) > 0
        self._at = len(bare) if begins else 0
        return begins


def _bare(text: str) -> str:
    return "".join(text.split())
