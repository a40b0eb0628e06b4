"""From a call to a decision: the judge (rules and mode) -> whoever weighs in -> a person, or a no that says why.

Deciding is the judge's; here are the question, who answers it, and that nothing that breaks becomes a yes.
"""

import logging
from collections.abc import Callable
from typing import Any

import anyio

from tianting.permissions.decision import Allow, Ask, Decision, Delegate, Deny, Judge, Person, Verdict, Weigh, as_judged
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
    only a person may; what it leaves open is refused, so it asks the person itself if there is one.
    """

    def __init__(
        self, judge: Callable[[], Judge], person: Person | None = None, *, delegate: Delegate | None = None
    ) -> None:
        self._judge = judge
        self._person = person
        self._delegate: Delegate | None = delegate or person
        self._one_question = anyio.Lock()  # calls that run together must not ask over each other
        self._rewritten: dict[str, dict[str, Any]] = {}

    async def decide(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh = as_judged) -> Decision:
        """Whether `call` may run, asking the person where nothing else decides.

        A call that the person gave other arguments comes here again. It is judged anew and asked about no more, unless
        a rule or a built-in check wants it: what somebody wrote they agree to, but a program may have written it.
        """
        is_rewritten = self._rewritten.pop(call.call_id, None) == call.arguments
        match self._weighed(call, accesses, weigh):
            case Ask(binding=False) if is_rewritten:
                return Allow(reason="the user changed it to this")
            case Ask():
                return await self._ask_in_turn(call, accesses, weigh)
            case Allow() | Deny() as decision:
                return decision

    def _weighed(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh) -> Verdict:
        try:
            verdict = self._judge().verdict(call, accesses)
            return verdict if isinstance(verdict, Ask) and verdict.binding else weigh(verdict)
        except Exception:  # what cannot be judged must not become a yes
            log.exception("judging call %s failed", call.call_id)
            return Deny(reason=f"Whether {call.tool_name} may run could not be decided; nothing was run.")

    async def _ask_in_turn(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh) -> Decision:
        async with self._one_question:
            # The answer to the question before this one may have been a rule that covers this call, too.
            match self._weighed(call, accesses, weigh):
                case Ask() as question:
                    answer = await self._answer(call, accesses, question)
                    if isinstance(answer, Allow) and answer.arguments is not None:
                        self._rewritten[call.call_id] = answer.arguments
                    return answer or Deny(reason=self._nobody_to_ask(call, accesses, question))
                case Allow() | Deny() as decision:
                    return decision

    async def _answer(self, call: ToolCall, accesses: tuple[Access, ...], question: Ask) -> Decision | None:
        """What those say who can be asked; None where nobody can be."""
        asked = self._person if question.binding else self._delegate
        try:
            if asked is None or not self._judge().asks:
                return None
            return await asked.ask(call, accesses, question.reason)
        except Exception:  # a question that breaks must not become a yes
            log.exception("asking about call %s failed", call.call_id)
            return Deny(reason="The question to the user could not be shown; nothing was run.")

    def _nobody_to_ask(self, call: ToolCall, accesses: tuple[Access, ...], question: Ask) -> str:
        rules = () if question.binding else self._suggestions(call, accesses)
        return (
            f"{call.tool_name} needs the user's permission ({clipped(question.reason)}) and nobody can be asked here. "
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
