"""What one prompt has led to so far: without it every step of the loop would have to hand all of it to the next."""

from collections.abc import Callable

from msgspec import structs

from tianting.agent.batch import Emit, never_ran
from tianting.agent.guards import AnswerGuard, RepetitionGuard
from tianting.agent.partial_answer import PartialAnswer
from tianting.agent.steering import Steering
from tianting.agent.tally import Tally
from tianting.protocol.content import ToolUse
from tianting.protocol.events import ToolFinished
from tianting.protocol.messages import Message, UserMessage
from tianting.protocol.requests import ModelRequest
from tianting.protocol.tool_calls import CallResult


class Turn:
    """One per prompt. Its history stays one that a provider takes."""

    def __init__(
        self,
        history: list[Message],
        shape: Callable[[], ModelRequest],
        steering: Steering,
        tally: Tally,
        emit: Emit,
    ) -> None:
        self.history = history
        self.steering = steering
        self.tally = tally
        self.emit = emit
        self.answers = AnswerGuard()
        self.repetition = RepetitionGuard()
        self.partial: PartialAnswer | None = None
        """The answer that is arriving; None while tools run."""
        self.waiting: list[ToolUse] = []
        """Calls of the newest answer that have no result yet, in order."""
        self.reminders = 0
        """How often hooks have kept the model from stopping."""
        self._shape = shape

    def request(self) -> ModelRequest:
        """What to ask now. The shape may be another each time."""
        return structs.replace(self._shape(), messages=tuple(self.history))

    def take(self, finished: ToolFinished) -> None:
        """Put the result of the first call that waits into the history.

        Done before anybody hears of it: a listener that fails must not leave a call without an answer.
        """
        self.waiting.pop(0)
        self.history.append(UserMessage(content=(finished.result.block(),)))
        self.tally.tool_finished(finished)

    def leave_calls(self, why: str) -> list[ToolFinished]:
        """Answer all calls that wait, because they will not run any more."""
        results = [CallResult(call_id=call.id, content=why, outcome="interrupted") for call in self.waiting]
        left = [never_ran(call, result) for call, result in zip(self.waiting, results, strict=True)]
        for finished in left:
            self.take(finished)
        return left
