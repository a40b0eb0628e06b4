"""What an edit does to a text, and where that is before and after it.

Nothing here looks for differences: whoever edits knows the places, so a patch costs no comparison.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct


class Replacement(Struct, frozen=True, kw_only=True):
    """The characters from `start` up to `end` become `text`."""

    start: int
    end: int
    text: str


class Region(Struct, frozen=True, kw_only=True):
    """A stretch that changed, in offsets of the text before and of the text after."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def replaced(text: str, replacements: Sequence[Replacement]) -> str:
    """Carry out `replacements`, which are in order and do not overlap."""
    pieces: list[str] = []
    at = 0
    for replacement in replacements:
        pieces += (text[at : replacement.start], replacement.text)
        at = replacement.end
    return "".join((*pieces, text[at:]))


def regions_of(replacements: Iterable[Replacement]) -> tuple[Region, ...]:
    """Where `replacements` lead."""
    regions = []
    growth = 0
    for one in replacements:
        start, length = one.start + growth, len(one.text)
        regions.append(Region(old_start=one.start, old_end=one.end, new_start=start, new_end=start + length))
        growth += length - (one.end - one.start)
    return tuple(regions)


def composed(first: Iterable[Region], second: Iterable[Region]) -> tuple[Region, ...]:
    """Two rounds of editing as one. The text between the rounds is where both can be compared."""
    between = sorted(
        [(one.new_start, one.new_end, _growth(one), 0) for one in first]
        + [(one.old_start, one.old_end, 0, _growth(one)) for one in second]
    )
    regions = []
    before = after = 0  # what the rounds have grown so far
    for start, end, grown_before, grown_after in _merged(between):
        old, new = start - before, start + after
        before, after = before + grown_before, after + grown_after
        regions.append(Region(old_start=old, old_end=end - before, new_start=new, new_end=end + after))
    return tuple(regions)


_Stretch = tuple[int, int, int, int]
"""Start, end, and what each of two rounds grows there."""


def _merged(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    """Make one of those that overlap or touch."""
    last: _Stretch | None = None
    for one in stretches:
        if last is not None and one[0] <= last[1]:
            last = (last[0], max(last[1], one[1]), last[2] + one[2], last[3] + one[3])
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _growth(region: Region) -> int:
    return (region.new_end - region.new_start) - (region.old_end - region.old_start)
