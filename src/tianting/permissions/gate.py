"""From a call to a decision: deny rules -> mode plan -> allow rules -> the mode -> a person.

The order is the promise: a deny rule holds in every mode, and plan mode holds whatever an allow rule says.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import anyio

from tianting.permissions.decision import Allow, Ask, Decision, Deny, Person, Verdict
from tianting.permissions.modes import judge
from tianting.permissions.rules import Rule
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access, ToolCall

log = logging.getLogger(__name__)


class Gate:
    """Decides the calls of one session."""

    def __init__(
        self,
        *,
        mode: PermissionMode,
        allowed: tuple[Rule, ...] = (),
        denied: tuple[Rule, ...] = (),
        inside: Callable[[Path], bool],
        person: Person | None = None,
    ) -> None:
        self.mode = mode
        self._allowed = allowed
        self._denied = denied
        self._inside = inside
        self._person = person
        self._one_question = anyio.Lock()  # calls that run together must not ask over each other

    async def decide(self, call: ToolCall, accesses: tuple[Access, ...]) -> Decision:
        """Whether `call` may run, asking the person where nothing else decides."""
        match self._judged(call, accesses):
            case Ask(reason=reason):
                return await self._ask(call, accesses, reason)
            case Allow() | Deny() as decision:
                return decision

    def _judged(self, call: ToolCall, accesses: tuple[Access, ...]) -> Verdict:
        try:
            return self.judge(call.tool_name, accesses)
        except Exception:  # what cannot be judged must not become a yes
            log.exception("judging call %s failed", call.call_id)
            return Deny(reason=f"Whether {call.tool_name} may run could not be decided; nothing was run.")

    def judge(self, tool_name: str, accesses: tuple[Access, ...]) -> Verdict:
        """What rules and mode say, before anybody is asked."""
        for rule in self._denied:
            if rule.forbids(tool_name, accesses):
                return Deny(reason=f"{tool_name} is forbidden by the user's rules. Choose another way.")
        by_mode = judge(self.mode, accesses, lambda path: self._inside(Path(path)))
        if isinstance(by_mode, Ask) and any(rule.allows(tool_name, accesses) for rule in self._allowed):
            return Allow(reason="the user's rules")
        return by_mode

    async def _ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        if self.mode == "dontAsk" or self._person is None:
            return Deny(reason=_nobody_to_ask(call, reason))
        try:
            async with self._one_question:
                return await self._person.ask(call, accesses, reason)
        except Exception:  # a question that breaks must not become a yes
            log.exception("asking about call %s failed", call.call_id)
            return Deny(reason="The question to the user could not be shown; nothing was run.")


def _nobody_to_ask(call: ToolCall, reason: str) -> str:
    return (
        f"{call.tool_name} needs the user's permission ({reason}) and nobody can be asked here. "
        "Do not repeat it; choose another way, or say at the end what you would have run."
    )
