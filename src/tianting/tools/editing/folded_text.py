"""A text as a lenient reader sees it, with the way back to the characters as they are.

Folding drops blanks at line ends and swaps characters one for one, so every place in the folded text is a
place in the original: what is found there can be replaced here.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import accumulate

from tianting.tools.editing.lined_text import LinedText
from tianting.tools.editing.stray_bytes import STRAY_BYTES

Fold = Callable[[str], str]
"""Folds one line, given without its `\\n`."""

_DOUBLE = "“”„‟″"
_SINGLE = "‘’‚‛′"
_DASHES = "‐‑‒–—―−"
_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_PLAIN = STRAY_BYTES | str.maketrans(
    dict.fromkeys(_DOUBLE, '"')
    | dict.fromkeys(_SINGLE, "'")
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_SPACES, " ")
)


class FoldedText:
    """`text` is the folded whole. A last line without its end is given one: no reader can see the difference."""

    def __init__(self, lined: LinedText, fold: Fold) -> None:
        self._lined = lined
        self._lines = [fold(line) for line in lined.lines]
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines)]
        self.is_unended = not lined.text.endswith("\n")
        self.text = "\n".join(self._lines) + "\n" * self.is_unended

    @cached_property
    def _bounded(self) -> str:
        """`text` with a line end before each line."""
        return "\n" + self.text

    def blocks(self, body: str, start: int) -> Iterator[int]:
        """The lines, from `start` on, at which `body` stands: whole folded lines, or the beginning of the last."""
        needle = "\n" + body
        at = self._bounded.find(needle, self._starts[min(start, len(self._lines))])
        while at >= 0:
            yield self.line_at(at)
            at = self._bounded.find(needle, at + 1)

    def line_at(self, place: int) -> int:
        """The line, from 0, that `place` in the folded text is in."""
        return min(bisect_right(self._starts, place), len(self._lines)) - 1

    def original(self, place: int) -> int:
        """The offset in the original of `place` in the folded text."""
        line = bisect_right(self._starts, place) - 1
        return min(self._lined.starts[line] + place - self._starts[line], len(self._lined.text))

    def place(self, offset: int) -> int:
        """The place in the folded text of `offset` in the original. Inside dropped blanks: where they were."""
        line = self._lined.line_at(offset)
        return self._starts[line] + min(offset - self._lined.starts[line], len(self._lines[line]))


def without_carriage_return(line: str) -> str:
    """Forget how the line ends."""
    return line.removesuffix("\r")


def without_trailing_blanks(line: str) -> str:
    """Forget blanks nobody sees."""
    return line.rstrip()


def plain(line: str) -> str:
    """Forget typography too: quotes, dashes and spaces as a keyboard has them."""
    return line.rstrip().translate(_PLAIN)


def unindented(line: str) -> str:
    """Forget the indentation too. Only whole lines can be found this way: columns no longer agree."""
    return line.strip().translate(_PLAIN)
