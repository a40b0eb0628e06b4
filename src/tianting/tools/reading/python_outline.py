"""What stands in the part of a Python file that a clipped reading did not show, so that the next reading
starts in the right place.

A scan for unindented `class` and `def` lines: a parser would cost the fast path milliseconds and stop at the
first syntax error, while files are most often read when they are broken.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

MAX_LISTED = 12
_DEFINITION = re.compile(r"(?:async +)?(class|def) +(\w+)")


class Definition(Struct, frozen=True, kw_only=True):
    """A class or function at the top level of a module."""

    kind: str
    name: str
    first: int
    """Line of its `class` or `def`, from 1."""
    last: int
    """Its last line that is not blank."""


def outline(lines: Iterable[str], after: int) -> str:
    """Say what ends behind line `after`: `class Job 12-340, def run 344-371`. Empty when nothing does."""
    found = [definition for definition in definitions(lines) if definition.last > after]
    listed = ", ".join(f"{d.kind} {d.name} {d.first}-{d.last}" for d in found[:MAX_LISTED])
    return f"{listed} and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else listed


def definitions(lines: Iterable[str]) -> Iterator[Definition]:
    """Find the top-level definitions, in order."""
    kind = name = ""
    first = last = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if _ends_block(line) and kind:
            yield Definition(kind=kind, name=name, first=first, last=last)
            kind = ""
        if match := _DEFINITION.match(line):
            (kind, name), first = match.groups(), number
        last = number
    if kind:
        yield Definition(kind=kind, name=name, first=first, last=last)


def _ends_block(line: str) -> bool:
    """Unindented code does; a comment or the closing bracket of a long signature does not."""
    return line[0] not in " \t#)]}"
