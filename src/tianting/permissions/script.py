"""What a reading of shell text yields: every command it may run, flat, with its words unquoted.

A command inside `$(…)`, a loop or a function is a command like any other; spans of indexes say what stands inside what.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct, structs

MAX_CHARACTERS = 10_000
"""What is longer is not judged but asked about."""

HOLE = "\0"
"""Stands in a word's value for what only the running shell knows. No command can hold this character."""


NUMBER = "(("
"""The name of a hole that an arithmetic expansion fills."""
SUBSCRIPT = "["
"""The name of a hole for which the shell computes an index."""
PIPES = frozenset({"<(", ">("})
"""The names of holes that a process substitution fills."""


class Word(Struct, frozen=True):
    """One word as the program will receive it, as far as that can be known."""

    raw: str
    """As it was written, quotes and all."""
    value: str
    """Quotes undone; each expansion is a `HOLE`."""
    names: tuple[str, ...] = ()
    """For each hole its variable; empty where it is not a plain one, and `X:?` where the shell refuses an empty X."""
    pattern: str = ""
    """For a word with unquoted `*`, `?`, `[` or braces: the same with quoted ones escaped by a backslash."""
    braces: bool = False
    """An unquoted `{` stands in it, so that it may become several words."""
    tilde: bool = False
    """It begins with an unquoted `~`."""

    @property
    def literal(self) -> bool:
        """Whether the program receives exactly `value`."""
        return not (self.names or self.pattern or self.tilde)


class Assignment(Struct, frozen=True):
    """`NAME=value` before a command, or alone."""

    name: str
    value: Word


class Redirection(Struct, frozen=True):
    """Where a command's input or output goes. Copies of descriptors (`2>&1`) are left out: they touch no file."""

    operator: str
    target: Word
    """The file, or for `<<<` and `<<` the text itself."""

    @property
    def effect(self) -> Literal["read", "edit", "text"]:
        """What happens to the target."""
        if self.operator in {"<<", "<<-", "<<<"}:
            return "text"
        return "read" if self.operator == "<" else "edit"


Span = tuple[int, int]
"""Commands `[first, last)` of a script."""


class Command(Struct, frozen=True, kw_only=True):
    """One simple command."""

    words: tuple[Word, ...]
    """Empty for assignments alone, and for redirections of a whole group."""
    assignments: tuple[Assignment, ...] = ()
    redirections: tuple[Redirection, ...] = ()
    inside: Span = (0, 0)
    """The commands of the substitutions among its words."""
    evaluates: bool = False
    """A construct of the shell that computes (`[[`, `((`, `declare`, `unset`) rather than a program."""
    program: str = ""
    """The first word, or nothing where only the running shell knows it. Not to be given: it follows from the words."""

    def __post_init__(self) -> None:
        # Asked for a dozen times a command.
        program = self.words[0].value if self.words and self.words[0].literal else ""
        structs.force_setattr(self, "program", program)

    @property
    def text(self) -> str:
        """As written, one blank between words, without redirections."""
        assigned = [f"{each.name}={each.value.raw}" for each in self.assignments]
        return " ".join([*assigned, *[word.raw for word in self.words]])


class Function(Struct, frozen=True):
    """A function the text defines."""

    name: str
    body: Span


class Script(Struct, frozen=True, kw_only=True):
    """A text that was understood in full."""

    commands: tuple[Command, ...]
    pipelines: tuple[tuple[Span, ...], ...] = ()
    """For each pipeline the commands of its stages."""
    functions: tuple[Function, ...] = ()
    background: tuple[Span, ...] = ()
    """What is followed by `&`."""


class Unreadable(Struct, frozen=True):
    """A text that could mean something else than it seems to."""

    reason: str
    seen: tuple[Command, ...] = ()
    """The commands that were found all the same; there may be others."""


ReadScript = Callable[[str], Script | Unreadable]
"""`shell.syntax.read_script`, handed in so that its parser is loaded by the first command and not before."""
