"""Events as stream-json lines: what SDKs, supervisors and scripts read from our standard output.

The protocol is that of today's coding agents' print mode with `--output-format stream-json`. Of an answer:

    system/status · message_start (content_block_start delta* [signature] ASSISTANT content_block_stop)*
    message_delta · message_stop · (permission_denied? USER)* ... RESULT

The lines in capitals always come; the others only with partial messages. An answer that breaks off and is asked for
again leaves its finished blocks behind: the repetition has another message id.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from tianting.protocol.content import AssistantBlock, Block, Text, Thinking, ToolUse, block_json
from tianting.protocol.deltas import (
    ArgumentsDelta,
    BlockFinished,
    BlockStarted,
    MessageFinished,
    MessageStarted,
    ModelSwitched,
    RequestRetried,
    RetryCause,
    TextDelta,
    ThinkingDelta,
)
from tianting.protocol.events import (
    AnswerAborted,
    Event,
    HookRecord,
    HooksAsked,
    NoteAdded,
    RequestStarted,
    SessionStarted,
    ToolFinished,
    TurnFinished,
)
from tianting.protocol.ids import NewId
from tianting.protocol.line_limit import within_limit
from tianting.protocol.stream_events import (
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    InputJsonDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    SignatureDelta,
    StopDelta,
    WireTextDelta,
    WireThinkingDelta,
)
from tianting.protocol.stream_lines import (
    AssistantLine,
    PermissionDecision,
    ResultMeta,
    StreamEvent,
    UserLine,
    WireMessage,
    WireUserMessage,
    wire_usage,
)
from tianting.protocol.stream_result import failure_line, result_line
from tianting.protocol.system_lines import (
    ApiRetry,
    HookResponse,
    Informational,
    ModelFallback,
    PermissionDenied,
    Status,
    SystemInit,
)
from tianting.protocol.tool_calls import CallResult

COMPATIBLE_VERSION = "2.1.328"
"""The release of Claude Code whose protocol this is. SDKs warn below 2.0.0."""

_NAMES_IN_INIT = {"Agent": "Task"}
"""Clients look for the old name in `system/init`, though calls carry the new one."""

_INTERRUPTED = "[The user interrupted this turn.]"


class StreamJsonEncoder:
    """Turns the events of one session into lines. Pure: it writes nothing and waits for nothing."""

    def __init__(self, session_id: str, *, partial_messages: bool, new_id: NewId) -> None:
        self._session_id = session_id
        self._partial = partial_messages
        self._new_id = new_id
        self._encode = msgspec.json.Encoder().encode
        self._answer = MessageStarted(message_id="", model="")
        self._said: list[AssistantBlock] = []
        self._writers: dict[type[Any], Callable[[Any], list[bytes]]] = {
            SessionStarted: self._session_started,
            NoteAdded: self._note_added,
            MessageStarted: self._message_started,
            BlockFinished: self._block_finished,
            AnswerAborted: self._answer_aborted,
            RequestRetried: self._request_retried,
            ModelSwitched: self._model_switched,
            ToolFinished: self._tool_finished,
            HooksAsked: self._hooks_asked,
            TurnFinished: self._turn_finished,
        }
        if partial_messages:
            self._writers |= {
                RequestStarted: self._request_started,
                BlockStarted: self._block_started,
                TextDelta: self._text_delta,
                ThinkingDelta: self._thinking_delta,
                ArgumentsDelta: self._arguments_delta,
                MessageFinished: self._message_finished,
            }

    def lines(self, event: Event) -> list[bytes]:
        """The lines that tell `event`, often none. Each ends with a line feed and is at most 1 MiB long."""
        writer = self._writers.get(type(event))
        return [] if writer is None else writer(event)

    def _session_started(self, event: SessionStarted) -> list[bytes]:
        init = SystemInit(
            cwd=event.cwd,
            session_id=self._session_id,
            tools=tuple(_NAMES_IN_INIT.get(name, name) for name in event.tools),
            model=event.model,
            permission_mode=event.permission_mode,
            api_key_source=event.key_source,
            claude_code_version=COMPATIBLE_VERSION,
            uuid=self._new_id(),
        )
        return [self._line(init)]

    def _note_added(self, event: NoteAdded) -> list[bytes]:
        """Notes of the harness are between it and the model; words in the person's name are not."""
        if event.message.meta:
            return []
        return [self._user_line(event.message.content)]

    def _request_started(self, _: RequestStarted) -> list[bytes]:
        return [self._line(Status(session_id=self._session_id, uuid=self._new_id()))]

    def _message_started(self, event: MessageStarted) -> list[bytes]:
        self._answer = event
        self._said = []
        if not self._partial:
            return []
        return [self._stream_line(MessageStart(message=self._message(())), api_message_id=event.message_id)]

    def _block_started(self, event: BlockStarted) -> list[bytes]:
        return [self._stream_line(ContentBlockStart(index=event.index, content_block=_public(event.block)))]

    def _text_delta(self, event: TextDelta) -> list[bytes]:
        return [self._stream_line(ContentBlockDelta(index=event.index, delta=WireTextDelta(text=event.text)))]

    def _thinking_delta(self, event: ThinkingDelta) -> list[bytes]:
        delta = WireThinkingDelta(thinking=event.thinking)
        return [self._stream_line(ContentBlockDelta(index=event.index, delta=delta))]

    def _arguments_delta(self, event: ArgumentsDelta) -> list[bytes]:
        return [self._stream_line(ContentBlockDelta(index=event.index, delta=InputJsonDelta(partial_json=event.json)))]

    def _block_finished(self, event: BlockFinished) -> list[bytes]:
        self._said.append(event.block)
        line = self._assistant_line((event.block,))
        if not self._partial:
            return [line]
        stop = self._stream_line(ContentBlockStop(index=event.index))
        return [*self._signature_lines(event), line, stop]

    def _signature_lines(self, event: BlockFinished) -> list[bytes]:
        if not isinstance(event.block, Thinking) or not event.block.signature:
            return []
        delta = SignatureDelta(signature=event.block.signature)
        return [self._stream_line(ContentBlockDelta(index=event.index, delta=delta))]

    def _message_finished(self, event: MessageFinished) -> list[bytes]:
        end = MessageDelta(
            delta=StopDelta(stop_reason=event.message.stop_reason),
            usage=wire_usage(event.message.usage),
        )
        return [self._stream_line(end), self._stream_line(MessageStop())]

    def _answer_aborted(self, event: AnswerAborted) -> list[bytes]:
        unsaid = tuple(block for block in event.message.content if block not in self._said)
        return [self._assistant_line(unsaid, aborted=True)] if unsaid else []

    def _request_retried(self, event: RequestRetried) -> list[bytes]:
        retry = ApiRetry(
            attempt=event.attempt,
            max_retries=event.max_retries,
            retry_delay_ms=round(event.delay * 1000),
            error_status=event.status,
            error=_RETRY_ERRORS.get(event.cause, "unknown"),
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return [self._line(retry)]

    def _model_switched(self, event: ModelSwitched) -> list[bytes]:
        fallback = ModelFallback(
            trigger=event.trigger,
            original_model=event.original,
            fallback_model=event.fallback,
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return [self._line(fallback)]

    def _tool_finished(self, event: ToolFinished) -> list[bytes]:
        result = event.result
        told = self._user_line(
            (result.block(),),
            tool_use_result=UNSET if result.data is None else result.data,
            tool_result_meta=(_meta(result),),
        )
        return [self._denied_line(event), told] if result.outcome == "denied" else [told]

    def _denied_line(self, event: ToolFinished) -> bytes:
        content = event.result.content
        denied = PermissionDenied(
            tool_name=event.call.tool_name,
            tool_use_id=event.call.call_id,
            message=content if isinstance(content, str) else "",
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return self._line(denied)

    def _hooks_asked(self, event: HooksAsked) -> list[bytes]:
        return [*map(self._hook_line, event.records), *map(self._informational_line, event.messages)]

    def _hook_line(self, record: HookRecord) -> bytes:
        response = HookResponse(
            hook_id=record.hook_id,
            hook_name=record.name,
            hook_event=record.event,
            output=record.stdout + record.stderr,
            stdout=record.stdout,
            stderr=record.stderr,
            exit_code=record.exit_code,
            outcome=record.outcome,
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return self._line(response)

    def _informational_line(self, words: str) -> bytes:
        return self._line(Informational(content=words, session_id=self._session_id, uuid=self._new_id()))

    def _turn_finished(self, event: TurnFinished) -> list[bytes]:
        report = event.report
        before: list[bytes] = []
        if report.end == "model_error":
            before = [self._line(failure_line(report, self._session_id, self._new_id))]
        elif report.end in {"interrupted_streaming", "interrupted_tools"}:
            before = [self._user_line((Text(text=_INTERRUPTED),))]
        return [*before, self._line(result_line(report, self._session_id, self._new_id))]

    def _assistant_line(self, content: tuple[AssistantBlock, ...], *, aborted: bool = False) -> bytes:
        line = AssistantLine(
            message=self._message(tuple(_public(block) for block in content)),
            session_id=self._session_id,
            uuid=self._new_id(),
            aborted=aborted or UNSET,
        )
        return self._line(line)

    def _user_line(self, content: tuple[Block, ...], **facts: Any) -> bytes:
        line = UserLine(
            message=WireUserMessage(content=tuple(block_json(block) for block in content)),
            session_id=self._session_id,
            uuid=self._new_id(),
            **facts,
        )
        return self._line(line)

    def _stream_line(self, event: Struct, *, api_message_id: str | msgspec.UnsetType = UNSET) -> bytes:
        line = StreamEvent(
            event=event,
            session_id=self._session_id,
            uuid=self._new_id(),
            api_message_id=api_message_id,
        )
        return self._line(line)

    def _line(self, line: Struct) -> bytes:
        return within_limit(self._encode(line) + b"\n")

    def _message(self, content: tuple[Any, ...]) -> WireMessage:
        return WireMessage(
            id=self._answer.message_id,
            model=self._answer.model,
            content=content,
            usage=wire_usage(self._answer.usage),
        )


_RETRY_ERRORS: dict[RetryCause, str] = {
    "overloaded": "overloaded",
    "rate_limit": "rate_limit",
    "server_error": "server_error",
}


def _meta(result: CallResult) -> ResultMeta:
    if result.outcome != "denied":
        return ResultMeta(id=result.call_id)
    if result.by_person or result.interrupts:
        return ResultMeta(id=result.call_id, non_execution_kind="user-rejected")
    return ResultMeta(id=result.call_id, permission_decision=PermissionDecision())


def _public(block: AssistantBlock) -> Any:
    """`block` without what is only for its provider or for ourselves."""
    match block:
        case Text():
            return Text(text=block.text)
        case ToolUse():
            return ToolUse(id=block.id, name=block.name, input=block.input)
        case _:
            return block_json(block)
