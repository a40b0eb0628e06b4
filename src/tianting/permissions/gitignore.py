"""One line of a `.gitignore`, and whether it covers a path: the language that rules about files are written in.

A pattern that covers a directory covers all that is in it. `!` and comments belong to files of patterns, not here.
The order of git is kept: `*` and `?` stop at a slash, `**/` is any depth, a slash anywhere but at the end anchors.
"""

import re

from msgspec import Struct

_NOTHING = re.compile(r"(?!)")


class IgnorePattern(Struct, frozen=True):
    """A pattern made ready to match. Paths are relative, with `/` between their parts and none at either end."""

    named: re.Pattern[str]
    """What it names."""
    below: re.Pattern[str]
    """What lies in a directory that it names."""
    directories_only: bool
    parts: tuple[str, ...] = ()
    """The pattern level by level, `**` first where it names at any depth; none for an impossible one."""

    def covers(self, path: str, *, is_directory: bool = False) -> bool:
        """Whether `path`, or a directory above it, is named."""
        if (is_directory or not self.directories_only) and self.named.fullmatch(path):
            return True
        return self.below.fullmatch(path) is not None


def ignore_pattern(text: str, *, anchored: bool = False) -> IgnorePattern:
    """Read a pattern. `anchored` ties one without a slash to the top, too. An impossible one covers nothing."""
    directories_only = text.endswith("/")
    body = text[:-1] if directories_only else text
    anchored = anchored or "/" in body
    body = body.removeprefix("/")
    translated = _translate(body)
    if translated is None or not body:
        return IgnorePattern(_NOTHING, _NOTHING, directories_only)
    named = f"(?s:{'' if anchored else '(?:.*/)?'}{translated})"
    parts = tuple(body.split("/")) if anchored else ("**", body)
    return IgnorePattern(re.compile(named), re.compile(f"{named}(?s:/.*)"), directories_only, parts)


def _translate(body: str) -> str | None:
    """The pattern as a regular expression; None for one that git calls invalid."""
    parts: list[str] = []
    at = 0
    while at < len(body):
        piece, at = _next(body, at)
        if piece is None:
            return None
        parts.append(piece)
    return "".join(parts)


def _next(body: str, at: int) -> tuple[str | None, int]:
    character = body[at]
    if character == "*":
        return _stars(body, at)
    if character == "?":
        return "[^/]", at + 1
    if character == "[":
        return _character_class(body, at)
    if character == "\\":
        if at + 1 == len(body):
            return None, at
        return re.escape(body[at + 1]), at + 2
    return re.escape(character), at + 1


def _stars(body: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(body) and body[end] == "*":
        end += 1
    opens = at == 0 or body[at - 1] == "/"
    if end - at >= 2 and opens and end == len(body):
        return (".+" if at else ".*"), end
    if end - at >= 2 and opens and body[end] == "/":
        return "(?:.*/)?", end + 1
    return "[^/]*", end


_POSIX = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "\\x21-\\x7e",
    "lower": "a-z",
    "print": "\\x20-\\x7e",
    "punct": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "space": " \\t\\n\\r\\f\\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def _character_class(body: str, at: int) -> tuple[str | None, int]:
    begin = at
    at += 1
    negated = body[at : at + 1] in {"!", "^"}
    at += negated
    members: list[str] = []
    first = True
    while first or body[at : at + 1] != "]":
        first = False
        member, at = _member(body, at)
        if member is None:
            return None, begin
        members.append(member)
    inside = "".join(members)
    # A class never means a slash, whatever it lists.
    return (f"[^/{inside}]" if negated else f"(?!/)[{inside}]"), at + 1


def _member(body: str, at: int) -> tuple[str | None, int]:
    """One character, range or `[:class:]` of a class. A range that runs backwards is its first character."""
    if body.startswith("[:", at):
        end = body.find(":]", at + 2)
        name = body[at + 2 : end] if end >= 0 else None
        if name is not None and "]" not in name:
            return _POSIX.get(name), end + 2
    low, at = _single(body, at)
    if low is None:
        return None, at
    if body[at : at + 1] == "-" and body[at + 1 : at + 2] not in {"]", ""}:
        high, at = _single(body, at + 1)
        if high is None:
            return None, at
        return (f"{re.escape(low)}-{re.escape(high)}" if low <= high else re.escape(low)), at
    return re.escape(low), at


def _single(body: str, at: int) -> tuple[str | None, int]:
    if body[at : at + 1] == "\\":
        at += 1
    character = body[at : at + 1]
    return (character or None), at + 1
