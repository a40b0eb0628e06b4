"""Undoes quoting as bash does, and refuses what bash would not read as one word.

The parser says where a word begins and ends and where its expansions stand; the quotes are read here a second time.
Where the two disagree the command is not understood, and a person is asked.
"""

import re

from tianting.permissions.script import HOLE, Word

Hole = tuple[int, int, str]
"""Begin and end of an expansion in the source, and the variable's name."""

_ENDS_A_WORD = frozenset(" \t\n;|&<>()")
_ENDS_A_TEST = frozenset(";\n")
_GLOB = frozenset("*?[")
_ANSI = re.compile(
    r"\\(?:([abeEfnrtv\\'\"?])|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c(.))",
    re.DOTALL,
)
_ANSI_LETTERS = dict(zip("abeEfnrtv\\'\"?", "\a\b\x1b\x1b\f\n\r\t\v\\'\"?", strict=True))
_PLAIN = re.compile(r"[\w./:=,@%+\-]+", re.ASCII)
_TILDE = re.compile(r"~[\w.+-]*(/|$)", re.ASCII)


class DisagreementError(Exception):
    """The quotes do not fit the word the parser saw."""


def read_word(source: str, begin: int, end: int, holes: list[Hole]) -> Word:
    """Unquote `source[begin:end]`, whose expansions are `holes`. Raises `DisagreementError`."""
    raw = source[begin:end]
    if _PLAIN.fullmatch(raw):
        return Word(raw, raw)
    return _Unquoting(source, begin, end, holes).word()


def check_test(source: str, begin: int, end: int, holes: list[Hole]) -> None:
    """See that `[[ … ]]` ends where the parser says, and not before. Raises `DisagreementError`."""
    unquoting = _Unquoting(source, begin, end - 2, holes, stops=_ENDS_A_TEST)
    if "]]" in unquoting.word().pattern:
        raise DisagreementError


class _Unquoting:
    """One word being unquoted, from left to right."""

    def __init__(
        self, source: str, begin: int, end: int, holes: list[Hole], stops: frozenset[str] = _ENDS_A_WORD
    ) -> None:
        self._stops = stops
        self._source = source
        self._begin = self._at = begin
        self._end = end
        self._holes = {first: (last, name) for first, last, name in holes}
        self._value: list[str] = []
        self._pattern: list[str] = []
        self._names: list[str] = []
        self._globs = False
        self._braces = False

    def word(self) -> Word:
        while self._at < self._end:
            self._unquoted()
        raw = self._source[self._begin : self._end]
        special = self._globs or self._braces
        return Word(
            raw.replace("\\\n", ""),
            "".join(self._value),
            tuple(self._names),
            "".join(self._pattern) if special else "",
            self._braces,
            bool(_TILDE.match(raw)),
        )

    def _unquoted(self) -> None:
        character = self._source[self._at]
        if self._at in self._holes:
            self._hole()
        elif character == "'":
            self._add(self._upto("'", self._at + 1))
        elif character == '"':
            self._double(self._at + 1)
        elif character == "\\":
            self._escaped()
        elif character == "$":
            self._dollar()
        elif character in self._stops or character == "`":
            raise DisagreementError
        else:
            self._special(character)

    def _special(self, character: str) -> None:
        self._globs = self._globs or character in _GLOB
        self._braces = self._braces or character == "{"
        self._value.append(character)
        self._pattern.append(character)
        self._at += 1

    def _hole(self) -> None:
        self._at, name = self._holes[self._at]
        self._value.append(HOLE)
        self._pattern.append(HOLE)
        self._names.append(name)

    def _dollar(self) -> None:
        following = self._source[self._at + 1 : self._end][:1]
        if following == "'":
            self._ansi()
        elif following == '"':
            self._double(self._at + 2)
        elif following and (following.isalnum() or following in "_{([@*#?$!-"):
            raise DisagreementError  # an expansion that the parser did not see
        else:
            self._special("$")

    def _escaped(self) -> None:
        following = self._source[self._at + 1 : self._end][:1]
        if not following:
            raise DisagreementError
        self._at += 2
        if following != "\n":
            self._literal(following)

    def _double(self, at: int) -> None:
        self._at = at
        while self._source[self._at : self._at + 1] != '"' or self._at >= self._end:
            if self._at >= self._end:
                raise DisagreementError
            self._inside_double(self._source[self._at])
        self._at += 1

    def _inside_double(self, character: str) -> None:
        following = self._source[self._at + 1 : self._at + 2]
        if self._at in self._holes:
            self._hole()
        elif character == "\\" and following in '$`"\\\n':
            self._literal("" if following == "\n" else following)
            self._at += 2
        elif character == "`" or (character == "$" and (following.isalnum() or following in "_{([@*#?$!-")):
            raise DisagreementError
        else:
            self._literal(character)
            self._at += 1

    def _ansi(self) -> None:
        end = self._at + 2
        while self._source[end : end + 1] != "'":
            if end >= self._end:
                raise DisagreementError
            end += 2 if self._source[end] == "\\" else 1
        text = self._source[self._at + 2 : end]
        self._at = end + 1
        self._literal(_ANSI.sub(_ansi_character, text).partition("\0")[0])

    def _upto(self, quote: str, begin: int) -> str:
        end = self._source.find(quote, begin, self._end)
        if end < 0:
            raise DisagreementError
        self._at = end + 1
        return self._source[begin:end]

    def _add(self, text: str) -> None:
        self._literal(text)

    def _literal(self, text: str) -> None:
        self._value.append(text)
        self._pattern.append(re.sub(r"([*?\[\]{}\\,])", r"\\\1", text))


def _ansi_character(match: re.Match[str]) -> str:
    letter, byte, short, long, octal, control = match.groups()
    if letter:
        return _ANSI_LETTERS[letter]
    if control:
        return chr(ord(control.upper()) & 0x1F)
    number = int(octal, 8) & 0xFF if octal else int(byte or short or long, 16)
    if (byte and number > 0x7F) or (octal and number > 0x7F) or number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise DisagreementError  # part of a character, which only the whole tells
    return chr(number)
