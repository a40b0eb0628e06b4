"""What a command line tells before it runs: which program its exit code comes from, which file it shows.

Reads only plain command lines. Anything with substitutions, here-documents or groups is not understood, and says so:
a wrong guess would call a failure a success.
"""

import re

from msgspec import Struct

_OPAQUE = re.compile(r"\$\(|`|<<|<\(|>\(")
_TOKEN = re.compile(
    r"(?P<blank>[ \t]+|\\\n)"
    r"|(?P<redirect>\d*(?:&>>?|>>|>&|<&|<>|>\||[<>]))"
    r"|(?P<join>&&|\|\||\|&|[;|&\n])"
    r"|(?P<word>(?:[^\s'\"\\;|&()<>]|\\[^\n]|'[^']*'|\"(?:[^\"\\]|\\.)*\")+)",
    re.DOTALL,
)
_QUOTED = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SED_LINES = re.compile(r"\d+(,(\d+|\$))?p")
_COUNTING = frozenset("clLq")
"""Options of grep that show no line."""


class Step(Struct, frozen=True, kw_only=True):
    """One program of a command line."""

    words: tuple[str, ...]
    """Unquoted, without assignments in front and without redirections."""
    joined: str = ""
    """The operator before it; empty for the first."""
    redirected: bool = False


class Showing(Struct, frozen=True, kw_only=True):
    """A command that does nothing but show a file."""

    operands: tuple[str, ...]
    """The words that may name it."""
    whole: bool


def steps(command: str) -> tuple[Step, ...]:
    """Take `command` apart; nothing where it is not understood."""
    if _OPAQUE.search(command):
        return ()
    found: list[Step] = []
    words: list[str] = []
    joined, redirected, target, position = "", False, False, 0
    while position < len(command):
        token = _TOKEN.match(command, position)
        if token is None:
            return ()
        position = token.end()
        match token.lastgroup:
            case "redirect":
                redirected = target = True
            case "word" if target:
                target = False
            case "word":
                words.append(_unquoted(token[0]))
            case "join":
                _add(found, words, joined, redirected)
                words, joined, redirected = [], token[0], False
    _add(found, words, joined, redirected)
    return tuple(found)


def deciding_words(command: str) -> tuple[str, ...]:
    """The words of the program that a non-zero exit code comes from; nothing where that is not clear.

    After `&&` it may come from before, except from a `cd`, which nearly always works.
    """
    parts = steps(command)
    last = len(parts) - 1
    first = last
    while first > 0 and parts[first].joined in ("|", "|&"):
        first -= 1
    while first > 0 and parts[first].joined == "&&":
        first -= 1
        if parts[first].words[0] != "cd":
            return ()
    return parts[last].words if parts else ()


def showing(command: str) -> Showing | None:
    """What `command` shows, if it is one plain reader of files."""
    match steps(command):
        case [Step(words=[program, *rest], redirected=False)]:
            operands = tuple(word for word in rest if not word.startswith("-"))
            options = [word for word in rest if word.startswith("-")]
            return _shown_by(program, operands, options)
    return None


def only_waits(command: str) -> bool:
    """Whether `command` begins by sleeping: nothing is gained by letting it go on."""
    return command.split(maxsplit=1)[:1] == ["sleep"]


def _shown_by(program: str, operands: tuple[str, ...], options: list[str]) -> Showing | None:
    match program:
        case "cat" | "nl" | "bat" if len(operands) == 1:
            return Showing(operands=operands, whole=program != "bat" or not options)
        case "head" | "tail":
            return Showing(operands=operands, whole=False)
        case "sed" if options == ["-n"] and len(operands) == 2 and _SED_LINES.fullmatch(operands[0]):
            return Showing(operands=operands[1:], whole=False)
        case "grep" | "egrep" | "fgrep" | "rg" if not any(map(_counts, options)):
            return Showing(operands=operands, whole=False)
    return None


def _counts(option: str) -> bool:
    return option in ("--count", "--quiet") or (option[:2] != "--" and not _COUNTING.isdisjoint(option))


def _add(found: list[Step], words: list[str], joined: str, redirected: bool) -> None:
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    if words:
        found.append(Step(words=tuple(words), joined=joined if found else "", redirected=redirected))


def _unquoted(word: str) -> str:
    return _QUOTED.sub(lambda part: part[1] or part[3] or re.sub(r'\\([$`"\\\n])', r"\1", part[2] or ""), word)
