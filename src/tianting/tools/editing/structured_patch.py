"""What programs get to know of an edit: the text before, and hunks with three lines of context.

The hunks are those of a unified diff, but made from the known places of the edit: nothing is compared.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from tianting.tools.editing.changed_lines import ChangedLines, changed_lines
from tianting.tools.editing.lined_text import LinedText
from tianting.tools.editing.replacement import Region
from tianting.tools.editing.stray_bytes import presentable

_CONTEXT = 3
_MAX_ORIGINAL = 256_000
_NO_LINE_END = "\\ No newline at end of file"


class Hunk(Struct, frozen=True, kw_only=True, rename="camel"):
    """Neighbouring changes. Starts count from 1; a side without lines starts at the line before it."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: tuple[str, ...]
    """Each behind ` `, `-` or `+`."""


def structured_patch(before: str, after: str, regions: Iterable[Region]) -> tuple[Hunk, ...]:
    """The hunks that lead from `before` to `after`, which differ in `regions` only."""
    old, new = LinedText(before), LinedText(after)
    return tuple(_hunk(old, new, group) for group in _groups(changed_lines(old, new, regions)))


def whole(before: str, after: str) -> tuple[Region, ...]:
    """The region of a text that was replaced as a whole."""
    return (Region(old_start=0, old_end=len(before), new_start=0, new_end=len(after)),)


def whole_patch(before: str, after: str) -> tuple[Hunk, ...]:
    """The hunks of a file that comes, goes or is written anew; none where it is too large, as in `original_file`."""
    return (
        structured_patch(before, after, whole(before, after)) if max(len(before), len(after)) <= _MAX_ORIGINAL else ()
    )


def original_file(before: str) -> str | None:
    """The text before an edit; None where it is too large to be carried in every event."""
    return presentable(before) if len(before) <= _MAX_ORIGINAL else None


def added_and_removed(hunks: Iterable[Hunk]) -> tuple[int, int]:
    """How many lines came and went."""
    marks = [line[0] for hunk in hunks for line in hunk.lines]
    return marks.count("+"), marks.count("-")


def _groups(changes: Iterable[ChangedLines]) -> Iterator[list[ChangedLines]]:
    """Changes whose context would overlap or touch."""
    group: list[ChangedLines] = []
    for change in changes:
        if group and change.old_first - group[-1].old_last > 2 * _CONTEXT:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _hunk(old: LinedText, new: LinedText, group: Sequence[ChangedLines]) -> Hunk:
    first = max(0, group[0].old_first - _CONTEXT)
    last = min(old.count, group[-1].old_last + _CONTEXT)
    lines: list[str] = []
    at = first
    for change in group:
        lines += _marked(" ", old, at, change.old_first)
        lines += _marked("-", old, change.old_first, change.old_last)
        lines += _marked("+", new, change.new_first, change.new_last)
        at = change.old_last
    lines += _marked(" ", old, at, last)
    new_first = group[0].new_first - (group[0].old_first - first)
    new_last = group[-1].new_last + last - group[-1].old_last
    return Hunk(
        old_start=first + (last > first),
        old_lines=last - first,
        new_start=new_first + (new_last > new_first),
        new_lines=new_last - new_first,
        lines=tuple(lines),
    )


def _marked(mark: str, lined: LinedText, first: int, last: int) -> Iterator[str]:
    for number in range(first, last):
        line = lined.line(number)
        yield mark + presentable(line.removesuffix("\n"))
        if not line.endswith("\n"):
            yield _NO_LINE_END
