"""Lets hooks answer a permission question before a person is disturbed, or where there is none, and call the person."""

from collections.abc import Awaitable, Callable

from tianting.extensions.hooks.answer import RequestDecision
from tianting.permissions.decision import Allow, Decision, Deny, Person
from tianting.protocol.tool_calls import Access, ToolCall

AskHooks = Callable[[ToolCall, tuple[Access, ...]], Awaitable[RequestDecision | None]]
"""Gives the hooks' answer in a person's place; None where they leave it open."""

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
    """A `Person` whose hooks are asked first. Without `inner` whatever they leave open is refused."""

    def __init__(self, inner: Person | None, ask_hooks: AskHooks) -> None:
        self._inner = inner
        self._ask_hooks = ask_hooks

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        """The hooks' answer, or the person's.

        A yes that hangs on other arguments is no answer: what would run is not what was agreed to.
        """
        answer = await self._ask_hooks(call, accesses)
        if answer is not None and answer.behavior == "deny":
            return Deny(reason=answer.message or "A hook of the user refused this.", interrupts=answer.interrupt)
        if answer is not None and answer.behavior == "allow" and answer.updated_input is None:
            return Allow(reason=answer.message or "a hook")
        if self._inner is not None:
            return await self._inner.ask(call, accesses, reason)
        return Deny(
            reason=f"{call.tool_name} needs the user's permission ({reason}) and nobody can be asked here. "
            "Do not repeat it; choose another way, or say at the end what you would have run."
        )
