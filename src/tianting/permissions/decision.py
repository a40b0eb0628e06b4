"""The answers to "may this call run?", and the two ports around them."""

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolCall


class Allow(Struct, frozen=True, kw_only=True):
    """Run it."""

    reason: str = ""
    """The rule or mode that allowed it, for `--verbose` and `permissions explain`."""
    arguments: dict[str, Any] | None = None
    """What the person wants it called with instead. Such a call is a new one, to be decided on again."""


class Ask(Struct, frozen=True, kw_only=True):
    """Nobody has decided; a person must. Where nobody can be asked it becomes `Deny`."""

    reason: str
    binding: bool = False
    """An ask rule or a built-in check wants a person: nothing else may answer in their place."""


class Deny(Struct, frozen=True, kw_only=True):
    """Do not run it. `reason` goes to the model."""

    reason: str
    interrupts: bool = False
    """The turn ends with it."""
    by_person: bool = False
    """A person said no, not a rule."""


Verdict = Allow | Ask | Deny
Decision = Allow | Deny


Weigh = Callable[[Verdict], Verdict]
"""What somebody else, who was asked before, makes of a verdict. It is not shown one that only a person may change."""


def as_judged(verdict: Verdict) -> Verdict:
    """The `Weigh` of nobody."""
    return verdict


class Judge(Protocol):
    """Says what rules and mode say. Pure but for a look at the file system."""

    @property
    def asks(self) -> bool:
        """Whether the mode of this moment lets anybody be asked."""
        ...

    def verdict(self, call: ToolCall, accesses: tuple[Access, ...]) -> Verdict:
        """Whether `call` may run, before anybody is asked."""
        ...

    def suggestions(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        """Allow rules under which `call` would run unasked; none where no rule could do that."""
        ...


class PermissionGate(Protocol):
    """Decides calls, asking a person where it must."""

    async def decide(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh = as_judged) -> Decision:
        """Whether `call` may run. Never raises; a gate that breaks denies."""
        ...


class Person(Protocol):
    """Somebody who can be asked. Surfaces implement it."""

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        """Show the call and wait for the answer."""
        ...


class Delegate(Protocol):
    """Somebody who may answer in a person's place. Every `Person` is one."""

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision | None:
        """The answer; None where there is none, and nobody else to be asked."""
        ...


class Grants(Protocol):
    """What a person can be offered besides a single yes, and where it goes."""

    def offered(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        """Rules that would spare the question the next time; none where the question must be asked each time."""
        ...

    def grant(self, rules: tuple[str, ...], *, lasting: bool) -> str:
        """Let `rules` hold, for this session or for good. Gives back what the person must know of it, or nothing."""
        ...
