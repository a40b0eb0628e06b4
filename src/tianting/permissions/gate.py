"""From a call to a decision: the judge (rules and mode) -> whoever weighs in -> a person, or a no that says why.

Deciding is the judge's; here are the question, who answers it, and that nothing that breaks becomes a yes.
"""

import logging
from collections.abc import Callable

import anyio

from tianting.permissions.decision import Allow, Ask, Decision, Deny, Judge, Person, Verdict, Weigh, as_judged
from tianting.protocol.tool_calls import Access, ToolCall

log = logging.getLogger(__name__)

LONGEST_REASON = 280
"""Bytes of a reason, and of the rules that would help, in what the model is told. The sentences around take the rest
of 600."""


_MARKS = (
    "needs the user's permission (",
    " was not run: ",
    "Plan mode is on: ",
    "The user declined",
    " may run could not be decided; nothing was run.",
)


class Gate:
    """Decides the calls of one session.

    `judge` is called for the first of them, and not before. `delegate` answers in the person's place, except where
    only a person may.
    """

    def __init__(
        self, judge: Callable[[], Judge], person: Person | None = None, *, delegate: Person | None = None
    ) -> None:
        self._judge = judge
        self._person = person
        self._delegate = delegate or person
        self._one_question = anyio.Lock()  # calls that run together must not ask over each other

    async def decide(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh = as_judged) -> Decision:
        """Whether `call` may run, asking the person where nothing else decides."""
        match self._weighed(call, accesses, weigh):
            case Ask(reason=reason, binding=binding):
                return await self._ask(call, accesses, weigh, reason, binding=binding)
            case Allow() | Deny() as decision:
                return decision

    def _weighed(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh) -> Verdict:
        try:
            verdict = self._judge().verdict(call, accesses)
            return verdict if isinstance(verdict, Ask) and verdict.binding else weigh(verdict)
        except Exception:  # what cannot be judged must not become a yes
            log.exception("judging call %s failed", call.call_id)
            return Deny(reason=f"Whether {call.tool_name} may run could not be decided; nothing was run.")

    async def _ask(
        self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh, reason: str, *, binding: bool
    ) -> Decision:
        person = self._person if binding else self._delegate
        if person is None:
            return Deny(reason=self._nobody_to_ask(call, accesses, reason, binding=binding))
        try:
            async with self._one_question:
                # The answer to the question before this one may have been a rule that covers this call, too.
                now = self._weighed(call, accesses, weigh)
                return await person.ask(call, accesses, now.reason) if isinstance(now, Ask) else now
        except Exception:  # a question that breaks must not become a yes
            log.exception("asking about call %s failed", call.call_id)
            return Deny(reason="The question to the user could not be shown; nothing was run.")

    def _nobody_to_ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str, *, binding: bool) -> str:
        rules = () if binding else self._suggestions(call, accesses)
        return (
            f"{call.tool_name} needs the user's permission ({clipped(reason)}) and nobody can be asked here. "
            f"Do not repeat it; choose another way, or say at the end what you would have run.{_advice(rules)}"
        )

    def _suggestions(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        try:
            return self._judge().suggestions(call, accesses)
        except Exception:  # advice is no condition of a no
            log.exception("looking for rules about call %s failed", call.call_id)
            return ()


def clipped(text: str) -> str:
    """`text` in at most `LONGEST_REASON` bytes: what a command is called can be as long as a command."""
    data = text.encode(errors="replace")
    if len(data) <= LONGEST_REASON:
        return text
    return f"{data[: LONGEST_REASON - 3].decode(errors='ignore')}…"


def tells_of_refusal(words: str) -> bool:
    """Whether the result of a failed call says that it was not permitted: transcripts hold the words alone."""
    return any(mark in words for mark in _MARKS)


def _advice(rules: tuple[str, ...]) -> str:
    named = " ".join(rules)
    return f" The user can allow it: {named}" if rules and len(named.encode(errors="replace")) <= LONGEST_REASON else ""
