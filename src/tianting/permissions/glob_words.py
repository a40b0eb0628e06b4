"""What the shell makes of braces and patterns in a word, so that `cat .en?` is held against what it will open.

In these texts a backslash takes its meaning from the next character, as `Word.pattern` writes it.
"""

import itertools
import re

MAX_ALTERNATIVES = 64


def without_braces(pattern: str) -> tuple[str, ...] | None:
    """`a{b,c}` as `ab` and `ac`; None for a range, for more than 64 words, or for nesting that is not closed."""
    finished: list[str] = []
    waiting = [pattern]
    while waiting:
        text = waiting.pop()
        group = _first_group(text)
        if group is None:
            finished.append(text)
            continue
        begin, end, alternatives = group
        if alternatives is None or len(waiting) + len(finished) > MAX_ALTERNATIVES:
            return None
        waiting += [text[:begin] + each + text[end:] for each in reversed(alternatives)]
    return tuple(finished)


def shell_pattern(component: str) -> re.Pattern[str]:
    """A pattern without slashes as a regular expression. What is no pattern after all means itself."""
    parts: list[str] = []
    at = 0
    while at < len(component):
        piece, at = _next(component, at)
        parts.append(piece)
    try:
        return re.compile("(?s)" + "".join(parts))
    except re.error:  # a range that runs backwards matches nothing
        return re.compile(r"(?!)")


def plain_prefix(pattern: str) -> str:
    """The directories before the first component with a pattern in it, ending with a slash."""
    first = re.search(r"(?<!\\)[*?\[]", pattern)
    end = pattern.rfind("/", 0, first.start() if first else len(pattern)) + 1
    return unescaped(pattern[:end])


def unescaped(pattern: str) -> str:
    """The text that an escaped pattern means."""
    return re.sub(r"\\(.)", r"\1", pattern, flags=re.DOTALL)


def _first_group(text: str) -> tuple[int, int, list[str] | None] | None:
    """The first group of braces that the shell would expand: begin, end and its alternatives; None in them: a range."""
    begin = -1
    while (begin := _find(text, "{", begin + 1)) >= 0:
        end, commas = _close(text, begin)
        if end < 0:
            continue
        if commas:
            cuts = [begin, *commas, end]
            return begin, end + 1, [text[one + 1 : two] for one, two in itertools.pairwise(cuts)]
        if ".." in text[begin:end]:
            return begin, end + 1, None
    return None


def _find(text: str, character: str, at: int) -> int:
    while (at := text.find(character, at)) > 0 and text[at - 1] == "\\":
        at += 1
    return at


def _close(text: str, begin: int) -> tuple[int, list[int]]:
    """Where the group ends, and its own commas."""
    commas: list[int] = []
    depth, at = 0, begin
    while at < len(text):
        character = text[at]
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return at, commas
        if character == "," and depth == 1:
            commas.append(at)
        at += 2 if character == "\\" else 1
    return -1, []


def _next(component: str, at: int) -> tuple[str, int]:
    character = component[at]
    if character == "*":
        return ".*", at + 1
    if character == "?":
        return ".", at + 1
    if character == "\\" and at + 1 < len(component):
        return re.escape(component[at + 1]), at + 2
    if character == "[" and (found := re.compile(r"\[([!^]?)(\]?(?:\[:\w+:\]|[^\]])*)\]").match(component, at)):
        members = re.sub(r"\\(.)", r"\1", found[2])
        if "[" in members:
            return ".", found.end()  # a class like [[:alpha:]]; too much is the careful side
        inside = re.sub(r"([\\\]^\[&~|])", r"\\\1", members)
        return f"[{'^' if found[1] else ''}{inside}]", found.end()
    return re.escape(character), at + 1
