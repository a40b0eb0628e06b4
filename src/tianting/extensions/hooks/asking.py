"""Lets hooks answer a permission question before a person is disturbed, or where there is none, and call the person."""

from collections.abc import Awaitable, Callable

from tianting.extensions.hooks.answer import RequestDecision
from tianting.permissions.decision import Allow, Decision, Deny, Person
from tianting.permissions.updates import PermissionUpdate
from tianting.protocol.tool_calls import Access, ToolCall

AskHooks = Callable[[ToolCall, tuple[Access, ...]], Awaitable[RequestDecision | None]]
"""Gives the hooks' answer in a person's place; None where they leave it open."""

Grant = Callable[[tuple[PermissionUpdate, ...]], Awaitable[None]]
"""Carries out what a hook's yes brings along. Never raises."""

Announce = Callable[[ToolCall, str], Awaitable[None]]
"""Takes a call and the reason of the question about it."""


class AnnouncedPerson:
    """A `Person` who may be looking elsewhere: each question is announced first, and waits for that."""

    def __init__(self, inner: Person, announce: Announce) -> None:
        self._inner = inner
        self._announce = announce

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        """The person's answer."""
        await self._announce(call, reason)
        return await self._inner.ask(call, accesses, reason)


class HookedPerson:
    """Asks hooks in a person's place, and then the person. Without `inner` what hooks leave open stays open."""

    def __init__(self, inner: Person | None, ask_hooks: AskHooks, grant: Grant) -> None:
        self._inner = inner
        self._ask_hooks = ask_hooks
        self._grant = grant

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision | None:
        """The hooks' answer, or the person's.

        A yes that hangs on other arguments is no answer: what would run is not what was agreed to.
        """
        answer = await self._ask_hooks(call, accesses)
        if answer is not None and answer.behavior == "deny":
            return Deny(reason=answer.message or "A hook of the user refused this.", interrupts=answer.interrupt)
        if answer is not None and answer.behavior == "allow" and answer.updated_input is None:
            await self._grant(answer.updated_permissions)
            return Allow(reason=answer.message or "a hook")
        return await self._inner.ask(call, accesses, reason) if self._inner is not None else None
