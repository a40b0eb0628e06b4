"""From what Codex says of one thread to what happened there: without it every reader would have to know its protocol.

    Told, Asked -> CodexReader.read -> events, in order

No I/O. Whatever the order of the messages, each turn that began has exactly one `TurnDone` as soon as it is over.
"""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from tianting.fleet.drivers.codex_messages import (
    Delta,
    ErrorNotice,
    Item,
    ItemNotice,
    RateLimits,
    RateLimitsNotice,
    Resolved,
    TokenUsageNotice,
    Turn,
    TurnNotice,
)
from tianting.fleet.drivers.codex_questions import question_ids, question_of
from tianting.fleet.drivers.driver import (
    AgentEvent,
    ContextFilled,
    Fault,
    Garbled,
    Limited,
    ModelWaited,
    Progressed,
    PromptTaken,
    QuestionClosed,
    Standing,
    ToolBegan,
    ToolEnded,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.json_rpc import Asked, Told
from tianting.protocol.usage import Usage

_T = TypeVar("_T")

_TOOLS = frozenset(
    {
        "collabAgentToolCall",
        "commandExecution",
        "dynamicToolCall",
        "fileChange",
        "imageGeneration",
        "imageView",
        "mcpToolCall",
        "sleep",
        "webSearch",
    }
)
"""Items that are work, not words."""

_SAMPLE = 200


class CodexReader:
    """What is known of one thread, from its messages and in their order."""

    def __init__(self, standing: Standing) -> None:
        self.in_turn = standing.in_turn
        self.turn_id = ""
        """Empty while there is no turn, or after a take-over in the middle of one."""
        self.open_questions = list(standing.open_questions)
        self._tools: dict[str, Item] = {}
        self._last_words = ""
        self._usage = Usage()
        self._limits = RateLimits()

    def read(self, message: Told | Asked) -> Iterator[AgentEvent]:
        """The events of a message about this thread, or about the whole process."""
        try:
            yield from self._asked(message) if isinstance(message, Asked) else self._told(message)
        except (msgspec.MsgspecError, KeyError, TypeError):
            yield Garbled(sample=message.line[:_SAMPLE].decode(errors="replace"))

    def read_of_child(self, message: Told | Asked) -> Iterator[AgentEvent]:
        """The events of a message about an agent that this thread started: its questions are ours, its turns not."""
        if isinstance(message, Asked) or message.method == "serverRequest/resolved":
            yield from self.read(message)
        else:
            yield Progressed()

    def _told(self, told: Told) -> Iterator[AgentEvent]:
        match told.method:
            case "turn/started":
                yield from self._begun(_params(told, TurnNotice).turn)
            case "turn/completed":
                yield from self._completed(_params(told, TurnNotice).turn)
            case "error":
                yield from self._failing(_params(told, ErrorNotice))
            case "thread/tokenUsage/updated":
                yield from self._counted(_params(told, TokenUsageNotice))
            case "account/rateLimits/updated":
                yield from self._limited(_params(told, RateLimitsNotice).rate_limits)
            case "serverRequest/resolved":
                yield from self._resolved(_params(told, Resolved))
            case method if method.startswith(("item/", "turn/")):
                yield from self._told_of_item(told)

    def _told_of_item(self, told: Told) -> Iterator[AgentEvent]:
        match told.method:
            case "item/started":
                yield from self._item_started(_params(told, ItemNotice).item)
            case "item/completed":
                yield from self._item_completed(_params(told, ItemNotice).item)
            case "item/agentMessage/delta":
                yield Progressed(text=_params(told, Delta).delta)
            case _:
                yield Progressed()

    def _asked(self, asked: Asked) -> Iterator[AgentEvent]:
        about = msgspec.json.decode(asked.params, type=_About)
        item = self._tools.get(about.item_id)
        question = question_of(asked, item.changes if item is not None else None)
        if question is not None:
            self.open_questions.append(question.question_id)
            yield question

    def _begun(self, turn: Turn) -> Iterator[AgentEvent]:
        if self.in_turn and self.turn_id in ("", turn.id):
            self.turn_id = turn.id
            return
        if self.in_turn:
            yield from self._done(Turn(id=self.turn_id, status="interrupted"))
        self.in_turn, self.turn_id = True, turn.id
        yield TurnBegan()
        yield ModelWaited()

    def _completed(self, turn: Turn) -> Iterator[AgentEvent]:
        if self.in_turn and self.turn_id in ("", turn.id):
            yield from self._done(turn)

    def _done(self, turn: Turn) -> Iterator[AgentEvent]:
        fault = turn.error.fault if turn.status == "failed" and turn.error is not None else None
        if turn.status == "failed" and fault is None:
            fault = Fault(message="The turn failed without a reason.")
        if fault is not None and (limit := self._limit_of(fault, retrying=False)) is not None:
            yield limit
        yield from (QuestionClosed(question_id=question_id) for question_id in self.open_questions)
        text = turn.last_words or self._last_words
        yield TurnDone(text=text, fault=fault, interrupted=turn.status == "interrupted", usage=self._usage)
        self.in_turn, self.turn_id = False, ""
        self.open_questions, self._tools = [], {}
        self._last_words, self._usage = "", Usage()

    def _item_started(self, item: Item) -> Iterator[AgentEvent]:
        if item.type in _TOOLS:
            self._tools[item.id] = item
            yield ToolBegan(call_id=item.id, name=item.tool or item.type)
        elif item.type != "userMessage":
            yield Progressed()

    def _item_completed(self, item: Item) -> Iterator[AgentEvent]:
        if item.type == "userMessage":
            if item.client_id:
                yield PromptTaken(uuid=item.client_id)
        elif item.type in _TOOLS:
            self._tools.pop(item.id, None)
            yield ToolEnded(call_id=item.id)
            if not self._tools:
                yield ModelWaited()
        else:
            self._last_words = item.text if item.type == "agentMessage" else self._last_words
            yield Progressed()

    def _failing(self, notice: ErrorNotice) -> Iterator[AgentEvent]:
        """A request that is made again; of the last one `turn/completed` tells."""
        if notice.will_retry:
            yield self._limit_of(notice.error.fault, retrying=True) or ModelWaited()

    def _counted(self, notice: TokenUsageNotice) -> Iterator[AgentEvent]:
        counts = notice.token_usage.last
        if self.in_turn and self.turn_id in ("", notice.turn_id):
            self._usage = self._usage.plus(counts.usage)
        yield ContextFilled(tokens=counts.total_tokens, window=notice.token_usage.model_context_window)

    def _limited(self, limits: RateLimits) -> Iterator[AgentEvent]:
        known, self._limits = self._limits, limits
        news = (limits.rate_limit_reached_type, limits.until) != (known.rate_limit_reached_type, known.until)
        if limits.rate_limit_reached_type is not None and news:
            yield Limited(cause="usage_limit", until=limits.until)

    def _resolved(self, resolved: Resolved) -> Iterator[AgentEvent]:
        for question_id in question_ids(self.open_questions, resolved.request_id):
            self.open_questions.remove(question_id)
            yield QuestionClosed(question_id=question_id)

    def _limit_of(self, fault: Fault, *, retrying: bool) -> Limited | None:
        if fault.code == "usageLimitExceeded":
            return Limited(cause="usage_limit", until=self._limits.until, retrying=retrying)
        if fault.code == "rateLimitExceeded" or fault.status == 429:
            return Limited(cause="rate_limit", retrying=retrying)
        if fault.code in ("serverOverloaded", "internalServerError") or (fault.status or 0) >= 500:
            return Limited(cause="overloaded", retrying=retrying)
        return None


class _About(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    item_id: str = ""


def _params(told: Told, kind: type[_T]) -> _T:
    return msgspec.json.decode(told.params, type=kind)
