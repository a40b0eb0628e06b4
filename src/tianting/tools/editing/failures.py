"""What the model is told when an edit finds no place, so that its next try works.

After one failed edit the chance of solving a task falls by a third; hence the file's own text, ready to copy.
"""

from collections.abc import Sequence

from tianting.tools.editing.closest_block import ALIKE, Closest, closest_block
from tianting.tools.editing.matching import MAX_PLACES
from tianting.tools.editing.stray_bytes import presentable

_MAX_BYTES = 550
_MAX_LINES_NAMED = 10
_DIFFERENCES = {
    "blanks": "differ in indentation or blanks",
    "case": "differ in upper and lower case",
    "wording": "differ in wording",
}


def not_found(text: str, old: str, shown: str, *, changed: bool) -> str:
    """No rung had a place, or the file has `changed` on disk and only an exact one would do."""
    start = f"old_string not found in {shown}."
    if changed:
        start = f"{shown} changed on disk since you read it and does not hold old_string as sent."
    closest = closest_block(text, old)
    if closest is None:
        return f"{start} Nothing there resembles it; Read {shown} again."
    if closest.similarity < ALIKE:
        return f"{start} Most similar: {_lines(closest)}; {_reading(closest, shown)} and copy from there."
    start += f" Closest text is {_lines(closest)}, which {_DIFFERENCES[closest.difference]}."
    return _with_text(f"{start} Use this text:", closest) or f"{start} {_reading(closest, shown)} and use that text."


def ambiguous(lines: Sequence[int], shown: str) -> str:
    """Several places: only the model knows which."""
    times = _counted(lines, "times")
    return f"old_string occurs {times} in {shown} ({_named(lines)}). Add a neighbouring line, or set replace_all."


def hunk_not_found(text: str, old: str, shown: str, what: str) -> str:
    """A hunk of a patch, or its anchor, is nowhere."""
    start = f"{what} does not match {shown}; nothing was applied."
    closest = closest_block(text, old)
    if closest is None:
        return f"{start} Nothing there resembles it; Read {shown} again."
    advice = _with_text(f"{start} Send the patch again with {_lines(closest)} as they are:", closest)
    return advice or f"{start} {_reading(closest, shown)} and send the patch again with these lines."


def hunk_ambiguous(lines: Sequence[int], shown: str, number: int) -> str:
    """Several places for a hunk without an anchor."""
    return (
        f"Hunk {number} fits {_counted(lines, 'places')} of {shown} ({_named(lines)}); nothing was applied. "
        f"Add context lines, or put @@ and the def or class line above the right place before it."
    )


def _with_text(advice: str, closest: Closest) -> str:
    """`advice` and the block behind it; nothing where that gets too long."""
    advice = f"{advice}\n{presentable(closest.text)}"
    return advice if len(advice.encode()) <= _MAX_BYTES else ""


def _counted(lines: Sequence[int], what: str) -> str:
    return f"{len(lines)} {what}" if len(lines) < MAX_PLACES else f"{MAX_PLACES} {what} or more"


def _named(lines: Sequence[int]) -> str:
    lines = sorted(set(lines))
    named = ", ".join(str(line) for line in lines[:_MAX_LINES_NAMED])
    return f"line{'s' * (len(lines) > 1)} {named}{', …' if len(lines) > _MAX_LINES_NAMED else ''}"


def _lines(closest: Closest) -> str:
    return f"line {closest.first}" if closest.first == closest.last else f"lines {closest.first}-{closest.last}"


def _reading(closest: Closest, shown: str) -> str:
    return f"Read {shown} with offset={closest.first} and limit={closest.last - closest.first + 1}"
