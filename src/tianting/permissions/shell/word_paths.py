"""From a word of a command to the files it may name, where that can be known before the shell runs."""

import re

from msgspec import Struct

from tianting.permissions.glob_words import plain_prefix, unescaped, without_braces
from tianting.permissions.paths import absolute
from tianting.permissions.questions import Ground
from tianting.permissions.script import HOLE, PIPES, Word


class Surroundings(Struct, frozen=True):
    """Where a command runs."""

    directories: tuple[str, ...]
    """Where it may start: a `cd` before it may have failed. Empty where nobody can say."""
    assigned: frozenset[str] = frozenset()
    """Variables the text itself sets, so that their value is not the usual one."""


def paths_of(word: Word, where: Surroundings, ground: Ground) -> tuple[str, ...] | None:
    """Every absolute path the word may name; None where only the running shell knows. A pattern that fits nothing
    stands for itself, as it does in the shell.
    """
    if not (word.names or word.pattern or word.tilde):
        return _absolute(word.value, where)
    if word.names and all(name in PIPES for name in word.names) and word.value == HOLE:
        return ()
    text = _with_variables(word, where, ground)
    if text is None:
        return None
    if not word.pattern:
        return _absolute(text, where)
    alternatives = without_braces(text) if word.braces else (text,)
    return None if alternatives is None else _matches(alternatives, where, ground)


def _with_variables(word: Word, where: Surroundings, ground: Ground) -> str | None:
    """The text or pattern with the home, and the variables that are known."""
    text = word.pattern or word.value
    for name in word.names:
        known = _known(name.removesuffix(":?"), where, ground)
        if known is None:
            return None
        text = text.replace(HOLE, known, 1)
    if word.tilde:
        if not re.match(r"~(/|$)", text):
            return None
        text = ground.home + text[1:]
    return text


def _known(name: str, where: Surroundings, ground: Ground) -> str | None:
    if name in where.assigned:
        return None
    if name == "HOME":
        return ground.home
    if name == "PWD" and len(where.directories) == 1:
        return where.directories[0]
    return None


def _absolute(text: str, where: Surroundings) -> tuple[str, ...] | None:
    if text.startswith("/"):
        return (absolute(text, "/"),)
    if not where.directories:
        return None
    return tuple([absolute(text, directory) for directory in where.directories])


def _matches(patterns: tuple[str, ...], where: Surroundings, ground: Ground) -> tuple[str, ...] | None:
    found: list[str] = []
    for pattern in patterns:
        bases = _absolute(pattern, where)
        if bases is None:
            return None
        for base in bases:
            if not re.search(r"(?<!\\)[*?\[]", base):
                found.append(unescaped(base))
                continue
            matches = ground.facts.matches(base, prefix=plain_prefix(base))
            if matches is None:
                return None
            found += matches or [unescaped(base)]
    return tuple(found)
