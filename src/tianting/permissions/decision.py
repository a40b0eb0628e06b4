"""The answers to "may this call run?", and the two ports around them."""

from typing import Protocol

from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolCall


class Allow(Struct, frozen=True, kw_only=True):
    """Run it."""

    reason: str = ""
    """The rule or mode that allowed it, for `--verbose` and `permissions explain`."""


class Ask(Struct, frozen=True, kw_only=True):
    """Nobody has decided; a person must. Where nobody can be asked it becomes `Deny`."""

    reason: str


class Deny(Struct, frozen=True, kw_only=True):
    """Do not run it. `reason` goes to the model."""

    reason: str
    interrupts: bool = False
    """The turn ends with it."""
    by_person: bool = False
    """A person said no, not a rule."""


Verdict = Allow | Ask | Deny
Decision = Allow | Deny


class PermissionGate(Protocol):
    """Decides calls, asking a person where it must."""

    async def decide(self, call: ToolCall, accesses: tuple[Access, ...]) -> Decision:
        """Whether `call` may run. Never raises; a gate that breaks denies."""
        ...


class Person(Protocol):
    """Somebody who can be asked. Surfaces implement it."""

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        """Show the call and wait for the answer."""
        ...
