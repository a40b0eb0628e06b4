"""Reads commands of plain and quoted words, like `git status && grep -n 'a b' x | tail -5`, without a parser.

Most commands are of this kind, and the parser costs 16 ms to load and ten times as long to run.
Whatever holds an expansion, an escape, a redirection or a word of the shell's grammar is left to `shell.syntax`.
"""

import re

from tianting.permissions.script import MAX_CHARACTERS, Command, Script, Span, Word

_BARE = r"[A-Za-z0-9_./:@%+,=\-]"
_OUTSIDE = r"[A-Za-z0-9_./:@%+,=\- \t\n;&|]*"
# Of printable characters only: what hides in quotes otherwise is the parser's to refuse.
_QUOTED = r"'[ -&(-~]*'|\"[ !#%-\[\]-_a-~]*\""
_PLAIN_TEXT = re.compile(rf"{_OUTSIDE}(?:(?:{_QUOTED}){_OUTSIDE})*")
_PIECE = re.compile(rf"(?:{_BARE}+|{_QUOTED})+|&&|\|\||\|&|[;&|\n]")
_QUOTES = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_OPERATORS = frozenset({"&&", "||", "|&", ";", "&", "|", "\n"})
RESERVED = frozenset(
    {
        "if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "function",
        "select", "time", "coproc", "in", "{", "}", "!", "[[", "]]",
    }
)  # fmt: skip
"""Words of the shell's grammar, where a command could begin."""

_EVALUATING = frozenset({"export", "declare", "local", "typeset", "readonly", "unset", "unsetenv"})


def read_plain(text: str) -> Script | None:
    """The commands of a plain text; None where it is not plain."""
    if len(text) > MAX_CHARACTERS or not _PLAIN_TEXT.fullmatch(text):
        return None
    operators: list[str] = []
    commands: list[list[str]] = [[]]
    for piece in _PIECE.findall(text.strip(" \t\n")):
        if piece in _OPERATORS:
            operators.append(piece)
            commands.append([])
        else:
            commands[-1].append(piece)
    if operators and operators[-1] in {";", "&"} and not commands[-1]:
        commands.pop()  # the text ends with its last operator
    if not all(map(_is_plain, commands)):
        return None
    words: dict[str, Word] = {}
    found = tuple([_command(pieces, words) for pieces in commands])
    background = _before_ampersands(operators, len(found))
    return Script(commands=found, pipelines=_pipelines(operators, len(found)), background=background)


def _is_plain(pieces: list[str]) -> bool:
    """Whether these words are a program and what it is given."""
    return bool(pieces) and "=" not in pieces[0] and pieces[0] not in RESERVED and pieces[0] not in _EVALUATING


def _command(pieces: list[str], words: dict[str, Word]) -> Command:
    """`words` are those of the text so far: long texts say the same again and again."""
    for piece in pieces:
        if piece not in words:
            words[piece] = _word(piece)
    return Command(words=tuple([words[piece] for piece in pieces]))


def _word(piece: str) -> Word:
    if "'" in piece or '"' in piece:
        return Word(piece, _QUOTES.sub(lambda found: found[1] or found[2] or "", piece))
    return Word(piece, piece)


def _pipelines(operators: list[str], count: int) -> tuple[tuple[Span, ...], ...]:
    found: list[tuple[Span, ...]] = []
    first = 0
    for index in range(count):
        if index < len(operators) and operators[index] in {"|", "|&"} and index + 1 < count:
            continue
        if index > first:
            found.append(tuple((each, each + 1) for each in range(first, index + 1)))
        first = index + 1
    return tuple(found)


def _before_ampersands(operators: list[str], count: int) -> tuple[Span, ...]:
    """The commands since the last `;` or new line before each `&`."""
    found: list[Span] = []
    first = 0
    for index, operator in enumerate(operators[:count]):
        if operator == "&":
            found.append((first, index + 1))
        if operator in {"&", ";", "\n"}:
            first = index + 1
    return tuple(found)
