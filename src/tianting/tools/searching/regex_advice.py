"""What to say of a pattern that is no regular expression: where it breaks, and how to write it instead."""

import contextlib
import re
import warnings

from tianting.plumbing.printable import printable

_TOKEN = re.compile(
    r"\\[pPxukgoN]\{[^}]*\}"  # \p{L}, \x{41}: these braces belong to the escape
    r"|\\."
    r"|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]"  # a class, in which a brace is a letter
    r"|\{\d+(?:,\d*)?\}"
    r"|.",
    re.DOTALL,
)
_CARET = re.compile(r"^( {4})(.*)\n {4}( *)\^", re.MULTILINE)
_META = frozenset("{}()[]*+?|")


def stray_brace(pattern: str) -> int | None:
    """Where a `{` stands that counts nothing. Some engines take it for itself and some refuse it."""
    return next((token.start() for token in _TOKEN.finditer(pattern) if token[0] == "{"), None)


def has_escaped_newline(pattern: str) -> bool:
    r"""Whether `\n` stands in it, outside of `\\n`."""
    return any(part == "\\n" or (part[0] == "[" and "\\n" in part) for part in _TOKEN.findall(pattern))


def bad_regex(pattern: str, complaint: str) -> str:
    """Explain why a search program refused `pattern`. `complaint` is what it wrote."""
    place = _place(pattern, complaint)
    culprit = pattern[place : place + 1]
    if culprit in _META and culprit:
        return f'Bad regex at "{culprit}": escape it as "\\{culprit}".'
    if culprit == "\\":
        return f'Bad regex at "{printable(pattern[place : place + 2])}": for a backslash itself write "\\\\".'
    return f'Bad regex "{printable(pattern, 200)}": {_last_line(complaint)}.'


def _place(pattern: str, complaint: str) -> int:
    """Where it breaks, from the program's own mark or from Python's parser; behind the end when neither knows."""
    if (brace := stray_brace(pattern)) is not None:
        return brace
    if (mark := _CARET.search(complaint)) and mark[2] == pattern:
        return len(mark[3])
    with warnings.catch_warnings(), contextlib.suppress(OverflowError, RecursionError):
        warnings.simplefilter("ignore", FutureWarning)
        try:
            re.compile(pattern)
        except re.error as error:
            return len(pattern) if error.pos is None else error.pos
    return len(pattern)


def _last_line(complaint: str) -> str:
    lines = [line for line in complaint.strip().splitlines() if line.startswith(("error:", "fatal:"))]
    return printable(lines[0].partition(":")[2].strip().rstrip("."), 200) if lines else "it cannot be compiled"
