"""A text by its lines: where each begins, and how to put others in their place without touching their neighbours."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from tianting.tools.editing.replacement import Replacement


class LinedText:
    """Lines end at `\\n`; a `\\r` before it belongs to the end. The last line may be empty."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0, *accumulate(len(line) + 1 for line in self.lines)]
        self.starts[-1] = len(text)

    @property
    def count(self) -> int:
        """Lines as a person counts them."""
        return len(self.lines) - (self.lines[-1] == "")

    def line(self, number: int) -> str:
        """Line `number`, from 0, with its end."""
        return self.text[self.starts[number] : self.starts[number + 1]]

    def line_at(self, offset: int) -> int:
        """The line, from 0, that `offset` is in."""
        return min(bisect_right(self.starts, offset), len(self.lines)) - 1

    def splice(self, first: int, last: int, new: Sequence[str]) -> Replacement:
        """Put `new` in the place of the lines from `first` up to, not including, `last`.

        Line ends are those of the neighbourhood, and a missing one at the end of the text stays missing.
        """
        start, end = self.starts[first], self.starts[last]
        line_end = line_end_near(self.text, start)
        if end < len(self.text) or self.text == "" or self.text.endswith("\n"):
            return Replacement(start=start, end=end, text="".join(line + line_end for line in new))
        if first == len(self.lines):
            return Replacement(start=start, end=end, text="".join(line_end + line for line in new))
        if not new and start:
            start -= 1 + (self.text[start - 2 : start - 1] == "\r")
        return Replacement(start=start, end=end, text=line_end.join(new))


def line_end_near(text: str, offset: int) -> str:
    """How lines end around `offset`: as the line there does, or else the one before it."""
    at = text.find("\n", offset)
    if at < 0:
        at = text.rfind("\n", 0, offset)
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def with_line_ends(text: str, line_end: str) -> str:
    """`text` with all its lines ended by `line_end`."""
    return text.replace("\r\n", "\n").replace("\n", line_end)


def line_count(text: str) -> int:
    """Lines of `text` as a person counts them."""
    return text.count("\n") + (text != "" and not text.endswith("\n"))


def lines_of(text: str) -> list[str]:
    """The lines of a string that stands for whole ones, with or without its last `\\n`."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines
