"""Glob patterns, matched name by name on the way down a tree, so that a walk never enters a directory in vain.

    *  any part of a name      ?  one character      [ab]  one of these      {a,b}  either      **  any directories

A name that is literally the pattern's also matches: `app/[id]/page.tsx` finds the directory called `[id]`.
"""

import re
from collections.abc import Iterable
from fnmatch import translate

from tianting.plumbing.printable import printable
from tianting.tools.contract import ToolFailed

MAX_LENGTH = 1_000
"""Characters of a pattern, or of a list of them."""
MAX_ALTERNATIVES = 64
"""What the braces of one pattern may expand to."""
_INNERMOST_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")

Place = tuple[int, int]
"""An alternative, and how many of its segments have been matched."""


class GlobPattern:
    """A compiled pattern. Immutable."""

    def __init__(self, pattern: str) -> None:
        """Compile `pattern`. Raises `ToolFailed` when its braces expand to too much."""
        self._alternatives = tuple(_compiled(alternative) for alternative in expand_braces(pattern))

    def start(self) -> frozenset[Place]:
        """Where a walk stands before its first name."""
        return self._closure((index, 0) for index in range(len(self._alternatives)))

    def step(self, places: frozenset[Place], name: str) -> frozenset[Place]:
        """Where it stands behind `name`. Empty: nothing below here can match."""
        after: set[Place] = set()
        for index, position in places:
            segments = self._alternatives[index]
            if position == len(segments):
                continue
            segment = segments[position]
            if segment is None:
                after.add((index, position))
            elif segment.fullmatch(name):
                after.add((index, position + 1))
        return self._closure(after)

    def accepts(self, places: frozenset[Place]) -> bool:
        """Whether the names up to here are a match."""
        return any(position == len(self._alternatives[index]) for index, position in places)

    def matches(self, path: str) -> bool:
        """Whether the whole relative `path` matches."""
        places = self.start()
        for name in path.split("/"):
            places = self.step(places, name)
        return self.accepts(places)

    def _closure(self, places: Iterable[Place]) -> frozenset[Place]:
        """Add the places that `**` reaches by standing for no directory at all."""
        reached: set[Place] = set()
        for index, first in places:
            segments = self._alternatives[index]
            last = first
            while last < len(segments) and segments[last] is None:
                last += 1
            reached.update((index, position) for position in range(first, last + 1))
        return frozenset(reached)


def refuse_long(pattern: str) -> None:
    """Raise `ToolFailed` beyond `MAX_LENGTH`: nobody means it, and taking it apart would take for ever."""
    if len(pattern) > MAX_LENGTH:
        raise ToolFailed(
            f"The pattern has {len(pattern):,} characters, the limit is {MAX_LENGTH:,}; send several calls."
        )


def expand_braces(pattern: str) -> list[str]:
    """`a.{js,ts}` as `a.js` and `a.ts`. Raises `ToolFailed` beyond `MAX_ALTERNATIVES` or `MAX_LENGTH`."""
    refuse_long(pattern)
    finished, waiting = [], [pattern]
    while waiting:
        current = waiting.pop(0)
        braces = _INNERMOST_BRACES.search(current)
        if braces is None:
            finished.append(current)
            continue
        waiting += [current[: braces.start()] + part + current[braces.end() :] for part in braces[1].split(",")]
        if len(finished) + len(waiting) > MAX_ALTERNATIVES:
            raise ToolFailed(f'The braces of "{printable(pattern, 200)}" give too many patterns; send several calls.')
    return list(dict.fromkeys(finished))


def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, ...]:
    """One regular expression a segment; None for `**`, of which one says as much as several."""
    names = [name for name in pattern.split("/") if name not in {"", "."}]
    names = [name for name, before in zip(names, ["", *names], strict=False) if (name, before) != ("**", "**")]
    if names[-1:] == ["**"]:
        names.append("*")
    return tuple(None if name == "**" else re.compile(f"{translate(name)}|{re.escape(name)}") for name in names)
