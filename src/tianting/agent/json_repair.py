"""Mends the argument text of weaker models: trailing commas, raw line breaks in strings, missing closing brackets.

Only mistakes with one possible reading are mended; anything else is the model's to correct. A text that was cut off
is no mistake of that kind: a list that stays open may lack entries, so it is never closed here.
"""

import re
from typing import Any

import msgspec

_STRING_OR_REST = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[^"]+', re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_CLOSING = {"{": "}", "[": "]"}
_ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


def repaired_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` was meant to be, or None. An object inside a string is unpacked."""
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    for candidate in (text, bare, _mended(bare)):
        value = decoded(candidate)
        if isinstance(value, str):  # encoded twice
            value = decoded(value)
        if isinstance(value, dict):
            return value
    return None


def decoded(text: str) -> Any:
    """What the JSON in `text` says; None for what is no JSON, and for what is nested too deeply to be meant."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _mended(text: str) -> str:
    """`text` with its mistakes mended, as far as they are of the kind that can be; nothing for one that was cut."""
    pieces: list[str] = []
    open_brackets: list[str] = []
    for match in _STRING_OR_REST.finditer(text.rstrip()):
        piece = match[0]
        if piece.startswith('"'):
            pieces.append(piece.translate(_ESCAPES))
        else:
            pieces.append(_TRAILING_COMMA.sub(r"\1", piece))
            _follow(piece, open_brackets)
    if "[" in open_brackets or (open_brackets and pieces[-1].endswith(",")):
        return ""
    return "".join(pieces) + "".join(_CLOSING[bracket] for bracket in reversed(open_brackets))


def _follow(piece: str, open_brackets: list[str]) -> None:
    """Keep `open_brackets` up over `piece`, which holds no string."""
    for character in piece:
        if character in _CLOSING:
            open_brackets.append(character)
        elif open_brackets and character == _CLOSING[open_brackets[-1]]:
            open_brackets.pop()
