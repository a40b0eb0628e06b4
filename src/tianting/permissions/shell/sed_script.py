"""Says whether a `sed` script only edits its stream: `w` writes files and `e` runs programs."""

import re
from collections.abc import Sequence

from msgspec import Struct

from tianting.permissions.script import Word

_ADDRESS = r"(?:\d+|\$|/(?:[^/\\\n]|\\.)*/I?)"
_RANGE = rf"(?:{_ADDRESS}(?:\s*,\s*(?:{_ADDRESS}|[+~]\d+))?\s*!?\s*)?"
_EXCHANGE = "|".join(
    rf"[sy]{re.escape(mark)}(?:[^{re.escape(mark)}\\\n]|\\.)*{re.escape(mark)}(?:[^{re.escape(mark)}\\\n]|\\.)*"
    rf"{re.escape(mark)}[gpiImM0-9]*"
    for mark in "/|#,:@!%_"
)
_COMMAND = rf"{_RANGE}(?:[pdqQnNgGhHxDPl=](?:\s*\d+)?|{_EXCHANGE})?"
_HARMLESS = re.compile(rf"\s*{_COMMAND}(?:\s*[;\n]\s*{_COMMAND})*\s*", re.DOTALL)
_FLAGS = frozenset({"--quiet", "--silent", "--regexp-extended", "--separate", "--unbuffered", "--null-data", "--posix"})


class SedCall(Struct, frozen=True):
    """A call of `sed`, taken apart."""

    in_place: bool
    files: tuple[Word, ...]
    scripts: tuple[Word, ...]


def read_sed(words: Sequence[Word]) -> SedCall | None:
    """The call, if every option is known and every script harmless. `words` follow the program's name."""
    in_place = False
    scripts: list[Word] = []
    others: list[Word] = []
    rest = iter(words)
    for word in rest:
        text = word.value
        if text == "--" and word.literal:
            others += rest
        elif not text.startswith("-") or text == "-":
            others.append(word)
        elif text in _FLAGS:
            pass
        elif re.fullmatch(r"-[nErsuz]*i(\..*)?", text) or text == "--in-place":
            in_place = True
        elif re.fullmatch(r"-[nErsuz]*e", text) or text == "--expression":
            scripts += [following] if (following := next(rest, None)) else []
        elif not re.fullmatch(r"-[nErsuz]+", text):
            return None
    if not scripts:
        scripts, others = others[:1], others[1:]
    if not scripts or not all(script.literal and _is_harmless(script.value) for script in scripts):
        return None
    return SedCall(in_place, tuple(others), tuple(scripts))


def _is_harmless(script: str) -> bool:
    return len(script) <= 500 and _HARMLESS.fullmatch(script) is not None
