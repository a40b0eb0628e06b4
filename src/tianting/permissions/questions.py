"""The words of a judgement: what is asked, what the judge stands on, and what comes out."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

from msgspec import Struct

from tianting.permissions.rule_text import PathPattern
from tianting.permissions.script import ReadScript
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access

Outcome = Literal["allow", "ask", "deny"]


class Question(Struct, frozen=True, kw_only=True):
    """May this call run?"""

    tool_name: str
    accesses: tuple[Access, ...]
    arguments: dict[str, Any]
    mode: PermissionMode
    cwd: str
    """Where a command would start: the shell's present directory, which may lie below the root."""


class Part(Struct, frozen=True, kw_only=True):
    """One thing the call would do, and what is said of it."""

    text: str
    """A command, a path, a URL or the tool's name."""
    outcome: Outcome
    reason: str = ""
    rule: str = ""
    """The rule that decided, as it was written; empty where a mode or a built-in check did."""
    source: str = ""
    fixed: bool = False
    """A built-in check asks: no rule and no mode lifts it."""


class Judgement(Struct, frozen=True, kw_only=True):
    """What rules and mode say. Where nobody can be asked, `ask` must become a denial."""

    outcome: Outcome
    reason: str = ""
    """For the person, and in a denial for the model."""
    rule: str = ""
    source: str = ""
    fixed: bool = False
    parts: tuple[Part, ...] = ()
    """Everything that was looked at, in the order it would happen."""


class Place(Struct, frozen=True):
    """What the file system says of a path."""

    real: str
    """The same place, every link followed."""
    links: int = 0
    """How many names the file has; 0 where there is no file, 1 for a directory."""


class PathFacts(Protocol):
    """Looks at the file system. `path_facts.LocalPaths`; in tests a dictionary."""

    def for_one_call(self) -> "PathFacts":
        """The same, free to remember what it saw until the judgement is made."""
        ...

    def place(self, path: str) -> Place:
        """Where the absolute `path` leads. Never raises."""
        ...

    def matches(self, pattern: str, *, prefix: str) -> tuple[str, ...] | None:
        """The paths that the shell makes of an absolute pattern; None where there are too many to look at.

        `prefix` is its beginning that is text, not pattern, and ends with a slash.
        """
        ...


OtherNames = Callable[[tuple[PathPattern, ...], str, tuple[str, ...]], tuple[str, ...] | None]
"""Finds the hard links of a file that some patterns cover: `(patterns, real path, directories of the session)`.

None where there are too many files to look at all of them. Never raises. It searches the disk, so it is asked about
files with several names only, and only where there are such patterns.
"""


def knows_no_names(patterns: tuple[PathPattern, ...], path: str, directories: tuple[str, ...]) -> tuple[str, ...]:
    """`OtherNames` where nobody can look at a disk."""
    return ()


class Ground(Struct, frozen=True, kw_only=True):
    """What does not change from call to call. Paths are absolute and real."""

    root: str
    """The project: `./pattern` and bare patterns start here, wherever the shell has gone."""
    additional: tuple[str, ...] = ()
    home: str
    facts: PathFacts
    read_script: ReadScript
    other_names: OtherNames = knows_no_names
    folds_case: bool = False
    """The file system takes `.ENV` for `.env`."""

    @property
    def directories(self) -> tuple[str, ...]:
        """Where the agent may work."""
        return (self.root, *self.additional)


class Verdict(Struct, frozen=True):
    """An answer before it is tied to a text; the strictest of several counts."""

    outcome: Outcome
    reason: str = ""
    rule: str = ""
    source: str = ""
    fixed: bool = False

    def about(self, text: str) -> Part:
        """The same, as a part of a judgement."""
        return Part(
            text=text, outcome=self.outcome, reason=self.reason, rule=self.rule, source=self.source, fixed=self.fixed
        )


_STRICTNESS = {"allow": 0, "ask": 1, "deny": 3}


def strictness(answer: Verdict | Part) -> int:
    """Deny, then what nothing lifts, then ask, then allow."""
    return _STRICTNESS[answer.outcome] + answer.fixed


def strictest(verdicts: list[Verdict]) -> Verdict:
    """The one that counts; of equals the first."""
    if len(verdicts) == 1:
        return verdicts[0]
    return max(verdicts, key=strictness, default=Verdict("allow"))


FileEffect = Literal["read", "edit"]
