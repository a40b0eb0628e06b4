"""Where in a JSON text something stands, so that a complaint can say line and column.

Only complaints and listings come here: a file without faults is never scanned.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

Step = str | int
"""The name of a member, or the number of an item."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class Position(Struct, frozen=True):
    """Line and column in characters, both counted from one."""

    line: int
    column: int


def position_of(text: str, path: Sequence[Step]) -> Position:
    """Where the member or item at `path` of a valid JSON text begins; of one that is not there, the text's beginning.

    Of a member that is written twice, the last is meant, as it is for the decoder.
    """
    return position_at(text, _offset(text, list(path)))


def position_at(text: str, offset: int) -> Position:
    """The position of the character at `offset`."""
    return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def dotted(path: Iterable[Step]) -> str:
    """The short way to write a path: `permissions.allow[2]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _offset(text: str, path: list[Step]) -> int:
    found = 0
    here: list[Step | None] = []  # the path of what comes next; None where a name must come first
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if here and here[-1] is None and mark.startswith('"'):
            here[-1] = msgspec.json.decode(mark, type=str)
            begins = True
        else:
            begins = bool(here) and isinstance(here[-1], int) and mark not in ",]"
        if begins and here == path:
            found = token.start()
        _step(here, mark)
    return found


def _step(here: list[Step | None], mark: str) -> None:
    """Move on past `mark`."""
    if mark == "{":
        here.append(None)
    elif mark == "[":
        here.append(0)
    elif mark in "}]":
        here.pop()
    elif mark == ",":
        last = here[-1]
        here[-1] = last + 1 if isinstance(last, int) else None
