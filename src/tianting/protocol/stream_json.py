"""Events as stream-json lines: what SDKs, supervisors and scripts read from our standard output.

The protocol is that of today's coding agents' print mode with `--output-format stream-json`. Of an answer:

    INIT · replayed prompt · system/status
    message_start (content_block_start delta* [signature] ASSISTANT content_block_stop)* message_delta · message_stop
    (PERMISSION_DENIED? USER)* ... RESULT

The lines in capitals always come; the replayed prompt where it is wished for, the others only with partial messages.
An answer that breaks off and is asked for again leaves its finished blocks behind: the repetition has another
message id. What happens besides is told by `stream_notices`.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from tianting.protocol.compatible_version import COMPATIBLE_VERSION
from tianting.protocol.content import AssistantBlock, Block, Text, Thinking, ToolUse, block_json
from tianting.protocol.deltas import (
    ArgumentsDelta,
    BlockFinished,
    BlockStarted,
    MessageFinished,
    MessageStarted,
    TextDelta,
    ThinkingDelta,
)
from tianting.protocol.events import (
    AnswerAborted,
    Event,
    NoteAdded,
    PromptDelivered,
    RequestStarted,
    SessionStarted,
    ToolFinished,
    TurnFinished,
    TurnStarted,
)
from tianting.protocol.ids import NewId
from tianting.protocol.line_limit import MAX_LINE_BYTES, within_limit
from tianting.protocol.line_names import LineNames
from tianting.protocol.messages import UserMessage
from tianting.protocol.running_totals import RunningTotals
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
from tianting.protocol.stream_notices import Notices, Writer
from tianting.protocol.stream_result import failure_line, result_line
from tianting.protocol.system_lines import Status, SystemInit
from tianting.protocol.tool_calls import CallResult

_NAMES_IN_INIT = {"Agent": "Task"}
"""Clients look for the old name in `system/init`, though calls carry the new one."""

_INTERRUPTED = "[The user interrupted this turn.]"


Spill = Callable[[str, bytes], str | None]
"""Keeps a line that is too long to be sent, under a name, and gives its path; None where that cannot be done."""


class StreamJsonEncoder:
    """Turns the events of one session into lines. Pure but for `spill`: it writes nothing and waits for nothing.

    `include_hook_events` tells of every command hook, `replay_user_messages` gives prompts back when the model reads
    them. `names` are those of the transcript, where there is one. `monotonic` is in seconds.
    """

    def __init__(
        self,
        session_id: str,
        *,
        partial_messages: bool,
        new_id: NewId,
        include_hook_events: bool = False,
        replay_user_messages: bool = False,
        spill: Spill | None = None,
        names: LineNames | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session_id = session_id
        self._partial = partial_messages
        self._new_id = new_id
        self._spill = spill
        self._names = names or LineNames(new_id)
        self._monotonic = monotonic
        self._encode = msgspec.json.Encoder().encode
        self._answer = MessageStarted(message_id="", model="")
        self._said: list[AssistantBlock] = []
        self._requested = 0.0
        self._totals = RunningTotals()
        self._notices = Notices(session_id, new_id, hook_events=include_hook_events)
        self._writers: dict[type[Any], Callable[[Any], list[bytes]]] = {
            SessionStarted: self._session_started,
            NoteAdded: self._note_added,
            MessageStarted: self._message_started,
            BlockFinished: self._block_finished,
            AnswerAborted: self._answer_aborted,
            ToolFinished: self._tool_finished,
            TurnFinished: self._turn_finished,
        }
        self._writers |= {kind: self._encoded(writer) for kind, writer in self._notices.writers.items()}
        if replay_user_messages:
            self._writers[TurnStarted] = self._turn_started
            self._writers[PromptDelivered] = self._prompt_delivered
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
            mcp_servers=event.mcp_servers,
            slash_commands=event.slash_commands,
            output_style=event.output_style,
            agents=event.agents,
            skills=event.skills,
            plugins=event.plugins,
            capabilities=event.capabilities,
            uuid=self._new_id(),
        )
        return [self._line(init)]

    def _turn_started(self, event: TurnStarted) -> list[bytes]:
        return [] if event.prompt.meta else [self._replay(event.uuid, event.prompt)]

    def _prompt_delivered(self, event: PromptDelivered) -> list[bytes]:
        return [] if event.message.meta else [self._replay(event.uuid, event.message)]

    def _note_added(self, event: NoteAdded) -> list[bytes]:
        """Notes of the harness are between it and the model; words in the person's name are not."""
        if event.message.meta:
            return []
        return [self._user_line(event.message.content)]

    def _request_started(self, _: RequestStarted) -> list[bytes]:
        self._requested = self._monotonic()
        return [self._line(Status(status="requesting", session_id=self._session_id, uuid=self._new_id()))]

    def _message_started(self, event: MessageStarted) -> list[bytes]:
        self._answer = event
        self._said = []
        self._names.begin_answer()
        if not self._partial:
            return []
        waited = round((self._monotonic() - self._requested) * 1000)
        start = MessageStart(message=self._message(()))
        return [self._stream_line(start, api_message_id=event.message_id, ttft_ms=waited)]

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
        line = self._assistant_line((event.block,), self._names.block(len(self._said)))
        self._said.append(event.block)
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
        if not unsaid:
            return []
        last = self._names.block(len(event.message.content) - 1)
        return [self._assistant_line(unsaid, last, aborted=True)]

    def _tool_finished(self, event: ToolFinished) -> list[bytes]:
        result = event.result
        told = self._user_line(
            (result.block(),),
            uuid=self._names.result(result.call_id),
            tool_use_result=UNSET if result.data is None else result.data,
            tool_result_meta=(_meta(result),),
        )
        return [self._line(self._notices.denied(event)), told] if result.outcome == "denied" else [told]

    def _turn_finished(self, event: TurnFinished) -> list[bytes]:
        report = event.report
        self._totals.add(report)
        before: list[bytes] = []
        if report.end == "model_error":
            before = [self._line(failure_line(report, self._session_id, self._new_id))]
        elif report.end in {"interrupted_streaming", "interrupted_tools"}:
            before = [self._user_line((Text(text=_INTERRUPTED),))]
        return [*before, self._line(result_line(report, self._totals, self._session_id, self._new_id))]

    def _assistant_line(self, content: tuple[AssistantBlock, ...], uuid: str, *, aborted: bool = False) -> bytes:
        line = AssistantLine(
            message=self._message(tuple(_public(block) for block in content)),
            session_id=self._session_id,
            uuid=uuid,
            aborted=aborted or UNSET,
        )
        return self._line(line)

    def _replay(self, uuid: str, message: UserMessage) -> bytes:
        """A prompt under its own id: clients take files back to it."""
        content = _as_sent(message)
        line = UserLine(
            message=WireUserMessage(content=content), session_id=self._session_id, uuid=uuid, is_replay=True
        )
        return self._line(line)

    def _user_line(self, content: tuple[Block, ...], *, uuid: str = "", **facts: Any) -> bytes:
        line = UserLine(
            message=WireUserMessage(content=tuple(block_json(block) for block in content)),
            session_id=self._session_id,
            uuid=uuid or self._new_id(),
            **facts,
        )
        return self._line(line)

    def _stream_line(self, event: Struct, **facts: Any) -> bytes:
        line = StreamEvent(event=event, session_id=self._session_id, uuid=self._new_id(), **facts)
        return self._line(line)

    def _encoded(self, writer: Writer) -> Callable[[Any], list[bytes]]:
        return lambda event: [self._line(line) for line in writer(event)]

    def _line(self, line: Struct) -> bytes:
        whole = self._encode(line) + b"\n"
        return whole if len(whole) <= MAX_LINE_BYTES else self._cut(whole)

    def _cut(self, whole: bytes) -> bytes:
        kept = self._spill(f"line-{self._new_id()}.json", whole) if self._spill is not None else None
        return within_limit(whole, whole_in=kept)

    def _message(self, content: tuple[Any, ...]) -> WireMessage:
        return WireMessage(
            id=self._answer.message_id,
            model=self._answer.model,
            content=content,
            usage=wire_usage(self._answer.usage),
        )


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


def _as_sent(message: UserMessage) -> str | tuple[Any, ...]:
    """Words alone as the string that clients send them as."""
    match message.content:
        case (Text(text=words),):
            return words
    return tuple(block_json(block) for block in message.content)
