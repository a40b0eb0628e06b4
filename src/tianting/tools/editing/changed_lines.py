"""Which whole lines an edit changed: patches and answers speak of lines, edits of characters."""

from collections.abc import Iterable

from msgspec import Struct

from tianting.tools.editing.lined_text import LinedText
from tianting.tools.editing.replacement import Region


class ChangedLines(Struct, frozen=True, kw_only=True):
    """Lines, from 0, up to and not including the last; they differ at both ends of the stretch."""

    old_first: int
    old_last: int
    new_first: int
    new_last: int


def changed_lines(before: LinedText, after: LinedText, regions: Iterable[Region]) -> tuple[ChangedLines, ...]:
    """The lines that `regions`, which are in order, touch; without those that came out as they went in."""
    touched: list[ChangedLines] = []
    for region in regions:
        lines = _touched(before, after, region)
        if touched and lines.old_first < touched[-1].old_last:
            lines = _joined(touched.pop(), lines)
        touched.append(lines)
    trimmed = (_trimmed(before, after, lines) for lines in touched)
    return tuple(lines for lines in trimmed if lines.old_first < lines.old_last or lines.new_first < lines.new_last)


def _touched(before: LinedText, after: LinedText, region: Region) -> ChangedLines:
    old_last, new_last = _boundary(before, region.old_end), _boundary(after, region.new_end)
    if old_last is None or new_last is None:  # the rest of a line follows, and belongs to a changed line
        old_last, new_last = before.line_at(region.old_end) + 1, after.line_at(region.new_end) + 1
    return ChangedLines(
        old_first=before.line_at(region.old_start),
        old_last=old_last,
        new_first=after.line_at(region.new_start),
        new_last=new_last,
    )


def _boundary(lined: LinedText, offset: int) -> int | None:
    """The line that begins at `offset`, or the number of lines at the end of the text."""
    if offset == len(lined.text):
        return lined.count
    line = lined.line_at(offset)
    return line if lined.starts[line] == offset else None


def _joined(first: ChangedLines, second: ChangedLines) -> ChangedLines:
    return ChangedLines(
        old_first=first.old_first,
        old_last=max(first.old_last, second.old_last),
        new_first=first.new_first,
        new_last=max(first.new_last, second.new_last),
    )


def _trimmed(before: LinedText, after: LinedText, lines: ChangedLines) -> ChangedLines:
    old_first, new_first, old_last, new_last = lines.old_first, lines.new_first, lines.old_last, lines.new_last
    while old_first < old_last and new_first < new_last and before.line(old_first) == after.line(new_first):
        old_first, new_first = old_first + 1, new_first + 1
    while old_first < old_last and new_first < new_last and before.line(old_last - 1) == after.line(new_last - 1):
        old_last, new_last = old_last - 1, new_last - 1
    return ChangedLines(old_first=old_first, old_last=old_last, new_first=new_first, new_last=new_last)
