"""Other ways to read the strings of an edit, for models that quote once too often or copy the line numbers."""

import re
from itertools import pairwise

_ESCAPE = re.compile(r"\\([nrt\"'`\\])")
_MEANING = {"n": "\n", "r": "\r", "t": "\t"}
_LABEL = re.compile(r"[ \t]*(\d+)(?:\t|→| ?\| ?|: ?)")


def unescaped(old: str, new: str) -> tuple[str, str] | None:
    """Read `\\n`, `\\t` and `\\"` as what they stand for; None where there are none.

    In `new` only what `old` has escaped is taken for a mistake, and a `\\n` beside true line ends is none.
    """
    kinds = set(_ESCAPE.findall(old))
    if not kinds:
        return None
    kept = {"n"} if "\n" in new else set()
    return _if_any(_unescape(old, kinds), _unescape(new, kinds - kept))


def _unescape(text: str, kinds: set[str]) -> str:
    def meaning(found: re.Match[str]) -> str:
        kind = found[1]
        return _MEANING.get(kind, kind) if kind in kinds else found[0]

    return _ESCAPE.sub(meaning, text)


def unlabelled(old: str, new: str) -> tuple[str, str] | None:
    """Take off the line numbers that Read puts before lines; None unless all lines of `old` have them in order."""
    labels = [_LABEL.match(line) for line in old.split("\n") if line.strip()]
    numbers = [int(label[1]) for label in labels if label is not None]
    if not labels or len(numbers) < len(labels) or any(b <= a for a, b in pairwise(numbers)):
        return None
    return _if_any(_without_labels(old), _without_labels(new))


def _without_labels(text: str) -> str:
    return "\n".join(_LABEL.sub("", line, count=1) if _LABEL.match(line) else line for line in text.split("\n"))


def _if_any(old: str, new: str) -> tuple[str, str] | None:
    """Blanks alone stand everywhere, so they are no reading of anything."""
    return (old, new) if old.strip() else None
