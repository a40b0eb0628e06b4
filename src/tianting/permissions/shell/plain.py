"""Reads commands of plain words, like `git status && npm test | tail -5`, without a parser.

Most commands are of this kind, and the parser costs 16 ms to load and ten times as long to run.
Whatever holds a quote, an expansion, a redirection or a word of the shell's grammar is left to `shell.syntax`.
"""

import re

from tianting.permissions.script import MAX_CHARACTERS, Command, Script, Span, Word

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_./:@%+,=\- \t\n;&|]*")
_OPERATOR = re.compile(r"(&&|\|\||\|&|[;&|\n])")
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
    pieces = _OPERATOR.split(text.strip(" \t\n"))
    commands = [_command(piece) for piece in pieces[::2]]
    operators = pieces[1::2]
    if operators and operators[-1] in {";", "&"} and not pieces[-1]:
        commands.pop()  # the text ends with its last operator
    found = [command for command in commands if command is not None]
    if len(found) < len(commands) or not found:
        return None
    background = _before_ampersands(operators, len(found))
    return Script(commands=tuple(found), pipelines=_pipelines(operators, len(found)), background=background)


def _command(piece: str) -> Command | None:
    words = piece.split()
    if not words or "=" in words[0] or words[0] in RESERVED or words[0] in _EVALUATING:
        return None
    return Command(words=tuple([Word(word, word) for word in words]))


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
