"""What the model is told when an edit finds no place, so that its next try works.

After one failed edit the chance of solving a task falls by a third; hence the file's own text, ready to copy.
"""

from tianting.tools.closest_block import ALIKE, Closest, closest_block
from tianting.tools.matching import MAX_PLACES, Several
from tianting.tools.stray_bytes import presentable

_MAX_BYTES = 550
_MAX_LINES_NAMED = 10
_DIFFERENCES = {
    "blanks": "differ in indentation or blanks",
    "case": "differ in upper and lower case",
    "wording": "differ in wording",
}


def not_found(text: str, old: str, shown: str, *, changed: bool) -> str:
    """No rung had a place, or the file has `changed` on disk and only an exact one would do."""
    start = f"{shown} changed on disk since you read it and " if changed else ""
    start += "does not hold old_string as sent." if changed else f"old_string not found in {shown}."
    closest = closest_block(text, old)
    if closest is None:
        return f"{start} Nothing there resembles it; Read {shown} again."
    if closest.similarity < ALIKE:
        return f"{start} Most similar: {_lines(closest)}; {_reading(closest, shown)} and copy from there."
    start += f" Closest text is {_lines(closest)}, which {_DIFFERENCES[closest.difference]}."
    advice = f"{start} Use this text:\n{presentable(closest.text)}"
    if len(advice.encode()) <= _MAX_BYTES:
        return advice
    return f"{start} {_reading(closest, shown)} and use that text."


def ambiguous(finding: Several, shown: str) -> str:
    """Several places: only the model knows which."""
    count = len(finding.lines)
    times = f"{count} times" if count < MAX_PLACES else f"{MAX_PLACES} times or more"
    lines = sorted(set(finding.lines))
    named = ", ".join(str(line) for line in lines[:_MAX_LINES_NAMED])
    named += ", …" if len(lines) > _MAX_LINES_NAMED else ""
    return (
        f"old_string occurs {times} in {shown} (line{'s' * (len(lines) > 1)} {named}). "
        f"Add a neighbouring line, or set replace_all."
    )


def _lines(closest: Closest) -> str:
    return f"line {closest.first}" if closest.first == closest.last else f"lines {closest.first}-{closest.last}"


def _reading(closest: Closest, shown: str) -> str:
    return f"Read {shown} with offset={closest.first} and limit={closest.last - closest.first + 1}"
