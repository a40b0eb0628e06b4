"""Keeps a line of JSON within what its reader accepts, so that one huge tool result does not end the connection.

The line keeps its shape: small values stay, the largest give way. A string is cut at its end with a note, a picture
becomes a text that says so, a list or an object loses its last entries. Reached only by lines that are too long.
"""

from typing import Any

import msgspec

MAX_LINE_BYTES = 1_048_576
"""What the SDKs of today's agents read at most as one line, line end included."""

_SMALLEST = 16
"""Bytes an entry of a list or an object is worth keeping for."""

_encode = msgspec.json.Encoder().encode


def within_limit(line: bytes, limit: int = MAX_LINE_BYTES, *, whole_in: str | None = None) -> bytes:
    """`line` (one JSON value and a line end) as it is, or cut to `limit` bytes. `limit` is at least 2,000.

    `whole_in` is the file that holds all of it; what is cut names that file where there is room.
    """
    if len(line) <= limit:
        return line
    where = "" if whole_in is None else f"; the whole line is in {whole_in}"
    return _encode(_fitted(msgspec.json.decode(line), limit - 1, where)) + b"\n"


def _fitted(value: Any, budget: int, where: str) -> Any:
    """`value` in at most `budget` bytes of JSON."""
    size = len(_encode(value))
    if size <= budget:
        return value
    match value:
        case str():
            return _cut_text(value, budget, where)
        case {"type": "image" | "document"}:
            note = {"type": "text", "text": f"[{value['type']} of {size} bytes left out{where}]"}
            return note if len(_encode(note)) <= budget else None
        case dict():
            return _cut_object(value, budget, where)
        case list():
            return _cut_list(value, budget, where)
    return None


def _cut_list(values: list[Any], budget: int, where: str) -> list[Any]:
    kept = values[: budget // _SMALLEST]
    sizes = [len(_encode(value)) + 1 for value in kept]
    shares = _shares(sizes, budget - 2)
    return [_fitted(value, share - 1, where) for value, share in zip(kept, shares, strict=True)]


def _cut_object(value: dict[str, Any], budget: int, where: str) -> dict[str, Any]:
    kept = list(value.items())[: budget // _SMALLEST]
    names = [len(_encode(name)) + 2 for name, _ in kept]
    sizes = [name + len(_encode(item)) for name, (_, item) in zip(names, kept, strict=True)]
    shares = _shares(sizes, budget - 2)
    return {
        name: _fitted(item, share - taken, where)
        for (name, item), taken, share in zip(kept, names, shares, strict=True)
        if share - taken >= min(len(_encode(item)), _SMALLEST)
    }


def _shares(sizes: list[int], budget: int) -> list[int]:
    """How many bytes each gets: the smallest all they need, the largest an equal part of what remains."""
    shares = [0] * len(sizes)
    smallest_first = sorted(range(len(sizes)), key=sizes.__getitem__)
    for done, index in enumerate(smallest_first):
        shares[index] = min(sizes[index], budget // (len(sizes) - done))
        budget -= shares[index]
    return shares


def _cut_text(text: str, budget: int, where: str) -> str:
    """The head of `text` and a note, in at most `budget` bytes of JSON (at least two)."""
    note = f" [... cut: {len(text)} characters are too many for one line{where}]"
    room = budget - (len(_encode(note)) - 2) - 2
    if room <= 0:
        return ""
    head = text[:room]
    while (size := len(_encode(head)) - 2) > room:
        head = head[: len(head) * room // size]
    return head + note
