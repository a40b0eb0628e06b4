"""Mends the argument text of weaker models: trailing commas, raw line breaks in strings, missing closing brackets.

Only mistakes with one possible reading are mended; anything else is the model's to correct.
"""

import re
from typing import Any

import msgspec

_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$")
_CLOSING = {"{": "}", "[": "]"}
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def repaired_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` was meant to be, or None. An object inside a string is unpacked."""
    for candidate in (text, _FENCE.sub("", text), _mended(_FENCE.sub("", text))):
        value = _decoded(candidate)
        if isinstance(value, str):  # encoded twice
            value = _decoded(value)
        if isinstance(value, dict):
            return value
    return None


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def _mended(text: str) -> str:
    outside, open_brackets = [], []
    for part, quoted in _strings_apart(text):
        if quoted:
            outside.append("".join(_ESCAPES.get(character, character) for character in part))
            continue
        outside.append(part)
        for character in part:
            if character in _CLOSING:
                open_brackets.append(_CLOSING[character])
            elif open_brackets and character == open_brackets[-1]:
                open_brackets.pop()
    closed = "".join(outside).rstrip().removesuffix(",") + "".join(reversed(open_brackets))
    return _TRAILING_COMMA.sub(r"\1", closed)


def _strings_apart(text: str) -> list[tuple[str, bool]]:
    """`text` cut into pieces, each with whether it is a quoted string."""
    return [(piece, piece.startswith('"')) for piece in re.findall(r'"(?:[^"\\]|\\.)*"?|[^"]+', text, re.DOTALL)]
