"""The loop: ask the model, run what it asks for, repeat until it answers.

It emits events and never yields: an abandoned generator would keep its cancel scope open. It knows messages and
tools, and asks before each request what is to be heard and what the request looks like by now; it never learns about
screens, files, titles or who listens.
"""

from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Protocol

import anyio
import msgspec
from anyio.lowlevel import checkpoint_if_cancelled
from msgspec import Struct, structs

from tianting.agent.batch import CallBatch, Emit
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.guards import AskAgain, Concern, Fine, GiveUp
from tianting.agent.limits import Limits
from tianting.agent.partial_answer import PartialAnswer, without_cut_call
from tianting.agent.steering import Steering
from tianting.agent.tally import Tally
from tianting.agent.turn import Turn
from tianting.extensions.hooks.port import AgentHooks, NoHooks
from tianting.models.client import ModelClient
from tianting.plumbing.clock import Clock
from tianting.protocol.content import text_of
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.errors import ModelError
from tianting.protocol.events import (
    AnswerAborted,
    HooksAsked,
    NoteAdded,
    PromptDelivered,
    RequestStarted,
    ToolFinished,
    TurnEnd,
    TurnFinished,
    TurnReport,
    TurnStarted,
)
from tianting.protocol.messages import AssistantMessage, Message, UserMessage, note, user_text
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest

STOPPED = "The user stopped this turn. What was running was ended; what was not begun did not run."
STEERED = "The user said this while you worked. Heed it in what you do next."
_STOPPED_CALL = "Stopped by the user before it finished."
_HOOK_STOPPED_CALL = "Not run: a hook of the user ended the turn."


class Ending(Struct, frozen=True, kw_only=True):
    """Why there will be no further request."""

    end: TurnEnd
    text: str = ""


class OutputGoal(Protocol):
    """Data that the turn must end with, if any; `RequiredOutput` is one."""

    value: dict[str, Any] | None
    failures: int
    most_failures: int

    def begin(self) -> None:
        """Forget what the turn before was given."""
        ...


class AgentLoop:
    """Works on one prompt at a time, over a history it does not own the storage of."""

    def __init__(
        self,
        model: ModelClient,
        tools: ToolDispatcher,
        *,
        limits: Limits,
        clock: Clock,
        catalogue: ModelCatalogue,
        goal: OutputGoal | None = None,
        hooks: AgentHooks | None = None,
    ) -> None:
        self._model = model
        self._limits = limits
        self._clock = clock
        self._catalogue = catalogue
        self.goal = goal
        """What turns must end with. Exchanged between turns only."""
        self._hooks = hooks or NoHooks()
        self._calls = CallBatch(tools, limits, clock)
        self._spent_before = 0.0

    async def run(
        self,
        started: TurnStarted,
        history: list[Message],
        emit: Emit,
        *,
        shape: Callable[[], ModelRequest],
        steering: Steering,
    ) -> TurnReport:
        """Work on the prompt until the model stops asking for tools. Appends to `history`, which stays valid.

        `shape` gives the next request without its messages; `steering`, what the model is to hear before it. A
        failing provider ends the turn with a report. Cancellation gets out, after the report of an interrupted turn
        was emitted, and what `emit` raises.
        """
        turn = Turn(history, shape, steering, Tally(self._catalogue, self._clock), emit)
        if self.goal is not None:
            self.goal.begin()
        history.append(started.prompt)
        try:
            await turn.emit(started)
            await checkpoint_if_cancelled()  # who was interrupted before asks for nothing
            ending = await self._work(turn)
            report = turn.tally.report(ending.end, ending.text)
        except ModelError as error:
            report = turn.tally.failure(str(error), error.status)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._leave_in_order(turn)
            raise
        finally:
            self._spent_before += turn.tally.cost_usd
            turn.leave_calls(_STOPPED_CALL)
        if self.goal is not None and report.end in {"answered", "hook_stopped"}:
            report = structs.replace(report, structured_output=self.goal.value)
        with anyio.CancelScope(shield=True):  # an interrupt in the last moment must not keep the end from anybody
            await turn.emit(TurnFinished(report=report))
        return report

    async def _work(self, turn: Turn) -> Ending:
        while True:
            await self._hear(turn)
            answer = await self._ask(turn)
            ending = await (self._answer_calls(turn) if turn.waiting else self._after_answer(turn, answer))
            if ending is not None and ending.end == "answered":
                ending = await self._unless_more_is_wanted(turn, ending)
            if ending := ending or self._at_limit(turn):
                return ending

    async def _hear(self, turn: Turn) -> None:
        """Tell the model what was said meanwhile: all that was handed out, whatever interrupts.

        Two prompts said in one breath are two turns, so a turn that just began hears nothing.
        """
        if not turn.tally.answers:
            return
        heard = await turn.steering.drain()
        with anyio.CancelScope(shield=True):
            turn.history += [posted.message for posted in heard]
            for posted in heard:
                await turn.emit(PromptDelivered(uuid=posted.uuid, message=posted.message))
            if heard:
                await self._add(turn, note(STEERED))

    async def _ask(self, turn: Turn) -> AssistantMessage:
        """Send the history, take the answer in, and return it as it came."""
        turn.partial = PartialAnswer()
        await turn.emit(RequestStarted())
        turn.tally.request_sent()
        try:
            async with aclosing(self._model.stream(turn.request())) as deltas:
                async for delta in deltas:
                    if isinstance(delta, MessageFinished):
                        await self._take_in(turn, delta.message)
                        return delta.message
                    turn.partial.add(delta)
                    await turn.emit(delta)
        finally:
            turn.tally.request_over()
        raise AssertionError("a model stream ends with MessageFinished")

    async def _take_in(self, turn: Turn, answer: AssistantMessage) -> None:
        turn.partial = None
        turn.tally.answered(answer)
        taken = without_cut_call(answer)
        if taken.content:
            turn.history.append(taken)
            turn.waiting = list(taken.calls)
            await turn.emit(MessageFinished(message=taken))

    async def _answer_calls(self, turn: Turn) -> Ending | None:
        if ending := self._over_budget(turn):
            await self._leave_calls(turn, f"Not run: {ending.text}")
            return ending

        results: list[ToolFinished] = []

        async def answered(finished: ToolFinished) -> None:
            results.append(finished)
            turn.take(finished)
            await turn.emit(finished)

        await self._calls.run(tuple(turn.waiting), answered, turn.emit)
        stop = next((finished.result.stop for finished in results if finished.result.stop is not None), None)
        await self._leave_calls(turn, _STOPPED_CALL if stop is None else _HOOK_STOPPED_CALL)
        for finished in results:
            for words in finished.result.notes:
                await self._add(turn, note(words))
        return await self._after_calls(turn, results) if stop is None else Ending(end="hook_stopped", text=stop)

    async def _leave_calls(self, turn: Turn, why: str) -> None:
        for finished in turn.leave_calls(why):
            await turn.emit(finished)

    async def _after_calls(self, turn: Turn, results: list[ToolFinished]) -> Ending | None:
        if any(finished.result.interrupts for finished in results):
            return Ending(end="interrupted_tools", text=STOPPED)
        if self.goal is not None and (ending := self._reached(self.goal)):
            return ending
        return await self._heed(turn, turn.repetition.after_calls(results))

    async def _after_answer(self, turn: Turn, answer: AssistantMessage) -> Ending | None:
        concern = turn.answers.after_answer(answer)
        if not isinstance(concern, Fine):
            return await self._heed(turn, concern)
        if self.goal is None:
            return Ending(end="answered", text=text_of(answer.content))
        self.goal.failures += 1
        await self._heed(turn, AskAgain(note="The turn ends with a call of StructuredOutput. Call it now."))
        return self._reached(self.goal)

    def _reached(self, goal: OutputGoal) -> Ending | None:
        if goal.value is not None:
            return Ending(end="answered", text=msgspec.json.encode(goal.value).decode())
        if goal.failures >= goal.most_failures:
            return Ending(end="no_structured_output", text="The model gave no data that fits the schema.")
        return None

    async def _unless_more_is_wanted(self, turn: Turn, ending: Ending) -> Ending | None:
        """`ending`, unless a hook keeps the model at work: what it wants is the next message."""
        said = await self._hooks.stopping(ending.text, times=turn.reminders)
        if said.stop is not None:
            await turn.emit(HooksAsked(messages=(said.stop,)))
            return structs.replace(ending, end="hook_stopped")
        if said.more is None:
            return ending
        turn.reminders += 1
        if self.goal is not None:
            self.goal.begin()
        await self._add(turn, user_text(said.more, meta=True))
        return None

    async def _heed(self, turn: Turn, concern: Concern) -> Ending | None:
        match concern:
            case GiveUp(reason=reason, text=text):
                return Ending(end=reason, text=text)
            case AskAgain(note=words) if words:
                await self._add(turn, note(words))
                return None
            case AskAgain() | Fine():
                return None

    async def _add(self, turn: Turn, message: UserMessage) -> None:
        turn.history.append(message)
        await turn.emit(NoteAdded(message=message))

    def _at_limit(self, turn: Turn) -> Ending | None:
        if turn.tally.answers == self._limits.max_turns:
            return Ending(end="max_turns", text=f"Stopped by --max-turns {self._limits.max_turns}.")
        return self._over_budget(turn)

    def _over_budget(self, turn: Turn) -> Ending | None:
        budget = self._limits.max_budget_usd
        if budget is None or self._spent_before + turn.tally.cost_usd < budget:
            return None
        return Ending(end="max_budget", text=f"The budget of ${budget:g} is used up.")

    async def _leave_in_order(self, turn: Turn) -> None:
        """A person stopped the turn: keep what came, say so to the model, report."""
        streaming = turn.partial is not None
        if turn.partial is not None and (kept := turn.partial.aborted()):
            turn.history.append(kept)
            await turn.emit(AnswerAborted(message=kept))
        await self._leave_calls(turn, _STOPPED_CALL)
        await self._add(turn, note(STOPPED))
        end: TurnEnd = "interrupted_streaming" if streaming else "interrupted_tools"
        await turn.emit(TurnFinished(report=turn.tally.report(end, "Stopped by the user.")))
