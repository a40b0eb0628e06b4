"""From the lines of an agent to what happens in a window: without it nobody would know busy from idle.

    init, running → TurnBegan · status → ModelWaited · stream_event → Progressed · assistant → ToolBegan
    can_use_tool → PersonAsked … QuestionClosed · user → PromptTaken, ToolEnded · result → TurnDone

Pure: lines in, events out, and a clock that is given. A turn begins once and is done once, in whatever order the lines
come: a result of a turn that was never seen to begin begins it, and rest without a result is the end of a turn, too.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from tianting.fleet.drivers.agent_lines import (
    AgentLine,
    Answered,
    Asked,
    AskedNoMore,
    AssistantLine,
    CompactBoundary,
    ConversationReset,
    Init,
    LimitLine,
    Result,
    Retry,
    State,
    Status,
    StreamEvent,
    UserLine,
    WireUsage,
)
from tianting.fleet.drivers.driver import (
    AgentEvent,
    ContextFilled,
    ConversationKnown,
    Fault,
    Limited,
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
from tianting.protocol.usage import Usage

_INTERRUPTED = frozenset({"aborted_streaming", "aborted_tools"})
_ASKS_FOR_INPUT = frozenset({"AskUserQuestion"})
"""Tools that are a question themselves: the answer is their input."""


class StreamJsonEvents:
    """What has been heard of one process so far."""

    def __init__(self, conversation_id: str, standing: Standing, now: Callable[[], float]) -> None:
        """`now` is Unix time, for waits that are told as a length."""
        self._conversation_id = conversation_id
        self._now = now
        self._in_turn = standing.in_turn
        self._open = dict.fromkeys(standing.open_questions)
        self._spent = standing.spent_usd
        self._answered: list[str] = []
        self._error = ""
        self._model = ""
        self._prompt_tokens = 0
        self._tokens: int | None = None
        self._window: int | None = None
        self._readers: dict[type[Any], Callable[[Any], Iterator[AgentEvent]]] = {
            Init: self._opened,
            State: self._went_to,
            Status: _requested,
            Retry: self._retried,
            LimitLine: _limit,
            StreamEvent: self._streamed,
            AssistantLine: self._said,
            UserLine: _heard,
            Asked: self._asked,
            AskedNoMore: lambda line: self._closed(line.request_id),
            Answered: lambda line: self._closed(line.response.request_id),
            CompactBoundary: self._compacted,
            ConversationReset: self._reset,
            Result: self._done,
        }

    @property
    def open_questions(self) -> frozenset[str]:
        """Those that wait for an answer."""
        return frozenset(self._open)

    def answered(self, question_id: str) -> None:
        """The answer is on its way; that the question is closed is told before whatever comes next."""
        if question_id in self._open:
            del self._open[question_id]
            self._answered.append(question_id)

    def events(self, line: AgentLine) -> list[AgentEvent]:
        """What `line` tells."""
        reader = self._readers.get(type(line))
        return [*self._closed_by_us(), *(reader(line) if reader is not None else ())]

    def _opened(self, line: Init) -> Iterator[AgentEvent]:
        yield from self._conversation(line.session_id)
        yield from self._begun()

    def _went_to(self, line: State) -> Iterator[AgentEvent]:
        if line.state == "running":
            yield from self._begun()
        elif line.state == "idle" and self._in_turn:
            yield from self._end(TurnDone())

    def _conversation(self, conversation_id: str) -> Iterator[AgentEvent]:
        if conversation_id and conversation_id != self._conversation_id:
            self._conversation_id = conversation_id
            yield ConversationKnown(conversation_id=conversation_id)

    def _reset(self, line: ConversationReset) -> Iterator[AgentEvent]:
        self._spent = 0.0
        yield from self._conversation(line.new_conversation_id)

    def _begun(self) -> Iterator[AgentEvent]:
        if not self._in_turn:
            self._in_turn = True
            self._error = ""
            yield TurnBegan()

    def _retried(self, line: Retry) -> Iterator[AgentEvent]:
        cause = _cause(line)
        if cause is None:
            yield ModelWaited()
        else:
            yield Limited(cause=cause, until=self._now() + line.retry_delay_ms / 1000, retrying=True)

    def _streamed(self, line: StreamEvent) -> Iterator[AgentEvent]:
        piece, ours = line.event, line.parent_tool_use_id is None
        if ours and piece.message is not None:
            self._model = piece.message.model
            self._prompt_tokens = _usage(piece.message.usage).prompt_tokens
        yield Progressed(text=piece.delta.text if ours and piece.delta.type == "text_delta" else "")
        if ours and piece.usage is not None:
            yield from self._counted(_usage(piece.usage))

    def _counted(self, usage: Usage) -> Iterator[AgentEvent]:
        """Some providers count the prompt at the beginning of an answer only."""
        self._tokens = (usage.prompt_tokens or self._prompt_tokens) + usage.output_tokens
        yield ContextFilled(tokens=self._tokens, window=self._window)

    def _compacted(self, line: CompactBoundary) -> Iterator[AgentEvent]:
        tokens = line.compact_metadata.post_tokens
        if tokens is not None:
            self._tokens = tokens
            yield ContextFilled(tokens=tokens, window=self._window)

    def _said(self, line: AssistantLine) -> Iterator[AgentEvent]:
        self._error = line.error or ""
        for block in line.message.blocks:
            if block.type == "tool_use":
                yield ToolBegan(call_id=block.id, name=block.name)
            else:
                yield Progressed()

    def _asked(self, line: Asked) -> Iterator[AgentEvent]:
        question = line.request
        if question.subtype != "can_use_tool":
            return
        self._open[line.request_id] = None
        yield PersonAsked(
            question_id=line.request_id,
            kind="input" if question.tool_name in _ASKS_FOR_INPUT else "approval",
            tool=question.tool_name,
            input=question.input,
            text=question.title or question.decision_reason or question.description or "",
            suggestions=question.permission_suggestions or (),
        )

    def _closed(self, question_id: str) -> Iterator[AgentEvent]:
        if question_id in self._open:
            del self._open[question_id]
            yield QuestionClosed(question_id=question_id)

    def _closed_by_us(self) -> Iterator[AgentEvent]:
        while self._answered:
            yield QuestionClosed(question_id=self._answered.pop(0))

    def _done(self, line: Result) -> Iterator[AgentEvent]:
        yield from self._begun()
        yield from self._window_known(line)
        total = line.total_cost_usd or 0.0
        cost, self._spent = max(total - self._spent, 0.0), total
        interrupted = line.terminal_reason in _INTERRUPTED
        yield from self._end(
            TurnDone(
                text=(line.result or "") if not line.is_error else "",
                fault=_fault(line, self._error) if line.is_error and not interrupted else None,
                interrupted=interrupted,
                usage=_usage(line.usage),
                cost_usd=cost,
            )
        )

    def _window_known(self, line: Result) -> Iterator[AgentEvent]:
        share = (line.model_usage or {}).get(self._model)
        if share is None or share.context_window in (None, self._window):
            return
        self._window = share.context_window
        if self._tokens is not None:
            yield ContextFilled(tokens=self._tokens, window=self._window)

    def _end(self, done: TurnDone) -> Iterator[AgentEvent]:
        for question_id in tuple(self._open):
            yield from self._closed(question_id)
        self._in_turn = False
        yield done


def _fault(line: Result, error: str) -> Fault:
    """Why the turn of a `result` failed; `error` is what its last answer was called, if that was a failure."""
    message = line.result or "; ".join(line.errors or ())
    code = error or (line.subtype if line.subtype != "success" else "")
    return Fault(message=message or line.subtype, status=line.api_error_status, code=code)


def _requested(line: Status) -> Iterator[AgentEvent]:
    if line.status == "requesting":
        yield ModelWaited()


def _limit(line: LimitLine) -> Iterator[AgentEvent]:
    info = line.rate_limit_info
    if info.status == "rejected":
        yield Limited(cause="usage_limit" if info.rate_limit_type else "rate_limit", until=info.resets_at)


def _heard(line: UserLine) -> Iterator[AgentEvent]:
    if line.is_replay and line.uuid:
        yield PromptTaken(uuid=line.uuid)
    for block in line.message.blocks:
        if block.type == "tool_result":
            yield ToolEnded(call_id=block.tool_use_id)


def _cause(line: Retry) -> Literal["rate_limit", "overloaded"] | None:
    """None for trouble on the way, which is nobody's wish that we wait."""
    if line.error_status == 429 or line.error == "rate_limit":
        return "rate_limit"
    return "overloaded" if line.error == "overloaded" or (line.error_status or 0) >= 500 else None


def _usage(wire: WireUsage | None) -> Usage:
    if wire is None:
        return Usage()
    return Usage(
        input_tokens=wire.input_tokens or 0,
        output_tokens=wire.output_tokens or 0,
        cache_creation_input_tokens=wire.cache_creation_input_tokens or 0,
        cache_read_input_tokens=wire.cache_read_input_tokens or 0,
        cache_creation_1h_input_tokens=(wire.cache_creation and wire.cache_creation.ephemeral_1h_input_tokens) or 0,
        thinking_tokens=(wire.output_tokens_details and wire.output_tokens_details.thinking_tokens) or 0,
    )
