"""From what an ACP agent says of one session to what happened there: without it its updates would be mere lines.

    prompt -> begin ; update, question -> read ; the answer to the prompt -> finish

No I/O. A turn lasts from the prompt to its answer; what comes outside of one is a replay, or news of no turn.
"""

from collections.abc import Iterator

import msgspec

from tianting.fleet.drivers.acp_messages import Content, PermissionRequest, PromptResult, Update, UpdateNotice
from tianting.fleet.drivers.acp_questions import question_of
from tianting.fleet.drivers.driver import (
    AgentEvent,
    ContextFilled,
    Fault,
    Garbled,
    ModelWaited,
    PersonAsked,
    Progressed,
    PromptTaken,
    QuestionClosed,
    Standing,
    ToolBegan,
    ToolEnded,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.json_rpc import Answered, Asked, Refusal, Told

_CANCELLED = -32800
_CODES = {-32000: "authentication_failed"}
_SAMPLE = 200


class AcpReader:
    """What is known of one session."""

    def __init__(self, session_id: str, standing: Standing) -> None:
        self.in_turn = standing.in_turn
        self.open_questions = list(standing.open_questions)
        self._session_id = session_id
        self._untaken = ""
        self._text = ""
        self._message_id: str | None = None
        self._tools: set[str] = set()
        self._spent = self._spent_before = standing.spent_usd

    def begin(self, uuid: str) -> Iterator[AgentEvent]:
        """A prompt was handed over."""
        self.in_turn, self._untaken, self._text = True, uuid, ""
        yield TurnBegan()
        yield ModelWaited()

    def read(self, message: Told | Asked) -> Iterator[AgentEvent]:
        """What a message about this session tells."""
        try:
            match message:
                case Told(method="session/update", params=params):
                    yield from self._noticed(msgspec.json.decode(params, type=UpdateNotice))
                case Asked(method="session/request_permission", params=params):
                    yield self._asked(message, msgspec.json.decode(params, type=PermissionRequest))
        except msgspec.MsgspecError:
            yield Garbled(sample=message.line[:_SAMPLE].decode(errors="replace"))

    def finish(self, answered: Answered) -> Iterator[AgentEvent]:
        """The prompt was answered: the turn is over."""
        if not self.in_turn:
            return
        result = _result(answered)
        fault = _fault(result, answered.refusal)
        if fault is None:
            yield from self._taken()
        yield from (self.close(question_id) for question_id in tuple(self.open_questions))
        cancelled = answered.refusal is not None and answered.refusal.code == _CANCELLED
        yield TurnDone(
            text=self._text,
            fault=fault,
            interrupted=cancelled or (result is not None and result.stop_reason == "cancelled"),
            usage=result.usage.usage if result is not None and result.usage is not None else TurnDone().usage,
            cost_usd=max(self._spent - self._spent_before, 0.0),
        )
        self._spent_before = self._spent
        self.in_turn, self._untaken, self._text, self._tools = False, "", "", set()

    def close(self, question_id: str) -> QuestionClosed:
        """A question is answered, or moot."""
        self.open_questions.remove(question_id)
        return QuestionClosed(question_id=question_id)

    def _asked(self, asked: Asked, request: PermissionRequest) -> PersonAsked:
        question = question_of(asked, request)
        self.open_questions.append(question.question_id)
        return question

    def _noticed(self, notice: UpdateNotice) -> Iterator[AgentEvent]:
        update = notice.update
        if notice.session_id != self._session_id:
            return
        if update.session_update == "usage_update":
            yield from self._counted(update)
        elif self.in_turn and update.session_update.endswith(("_chunk", "_call", "_call_update", "plan")):
            yield from self._taken()
            yield from self._worked(update)

    def _counted(self, update: Update) -> Iterator[AgentEvent]:
        if update.cost is not None and update.cost.currency == "USD":
            self._spent = update.cost.amount
        yield ContextFilled(tokens=update.used, window=update.size)

    def _taken(self) -> Iterator[AgentEvent]:
        """Nothing in the protocol says that a prompt was taken; that it is worked on does."""
        if self._untaken:
            yield PromptTaken(uuid=self._untaken)
            self._untaken = ""

    def _worked(self, update: Update) -> Iterator[AgentEvent]:
        match update.session_update:
            case "agent_message_chunk":
                yield self._said(update)
            case "tool_call":
                self._tools.add(update.tool_call_id)
                yield ToolBegan(call_id=update.tool_call_id, name=update.name or update.title or "")
                yield from self._moved(update)
            case "tool_call_update":
                yield from self._moved(update)
            case _:
                yield Progressed()

    def _said(self, update: Update) -> Progressed:
        """The last message is the answer; what stood before it was said on the way."""
        text = msgspec.convert(update.content, Content).text
        self._text = text if update.message_id != self._message_id else self._text + text
        self._message_id = update.message_id
        return Progressed(text=text)

    def _moved(self, update: Update) -> Iterator[AgentEvent]:
        if update.status not in ("completed", "failed"):
            yield Progressed()
            return
        self._tools.discard(update.tool_call_id)
        self._text = ""
        yield ToolEnded(call_id=update.tool_call_id)
        if not self._tools:
            yield ModelWaited()


def is_end_of_turn(answered: Answered) -> bool:
    """Whether this answers a prompt: known by its shape where its request was an earlier fleet's."""
    return _result(answered) is not None


def _result(answered: Answered) -> PromptResult | None:
    if answered.refusal is not None:
        return None
    try:
        return msgspec.json.decode(answered.result, type=PromptResult)
    except msgspec.MsgspecError:
        return None


def _fault(result: PromptResult | None, refusal: Refusal | None) -> Fault | None:
    if refusal is not None:
        known = _CODES.get(refusal.code, str(refusal.code))
        return None if refusal.code == _CANCELLED else Fault(message=refusal.message, code=known)
    if result is None:
        return Fault(message="The agent answered the prompt with something else.")
    if result.stop_reason in ("end_turn", "cancelled"):
        return None
    return Fault(message=f"The agent stopped early: {result.stop_reason}.", code=result.stop_reason)
