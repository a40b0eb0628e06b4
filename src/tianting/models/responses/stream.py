"""From the events of a Responses stream to deltas.

`response.output_item.done` is authoritative; what comes before it is for eyes. Without a terminal event the answer
is no answer. Unknown events and items are tolerated.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from tianting.models.responses.events import (
    DeltaEvent,
    InclusiveUsage,
    ItemEvent,
    PartEvent,
    Response,
    StreamError,
    read_delta,
    read_error,
    read_head,
    read_item_event,
    read_part,
    read_response,
)
from tianting.models.responses.items import Item, block_of, call_id, read_item
from tianting.protocol.content import AssistantBlock, Opaque, Text, Thinking, ToolUse
from tianting.protocol.deltas import (
    ArgumentsDelta,
    BlockFinished,
    BlockStarted,
    Delta,
    MessageFinished,
    MessageStarted,
    TextDelta,
    ThinkingDelta,
)
from tianting.protocol.errors import ModelUnavailable
from tianting.protocol.messages import AssistantMessage, Origin, StopReason


class _OpenBlock(Struct, kw_only=True):
    """A block that is arriving."""

    index: int
    kind: type[AssistantBlock]
    parameter: str = ""
    """Of a free-form call: what its text is the value of."""
    shown: bool = False
    """Something of its content was said."""


class ResponseAssembly:
    """Puts one answer together.

    `parameters` names the one parameter of each free-form tool; `message_id` serves where the provider gives none.
    """

    def __init__(self, origin: Origin, parameters: dict[str, str], message_id: str) -> None:
        self._origin = origin
        self._parameters = parameters
        self._message_id = message_id
        self._started = False
        self._open: dict[int, _OpenBlock] = {}
        self._finished: dict[int, AssistantBlock] = {}
        self._refused = False
        self._next_index = 0
        self.ended = False
        """The provider said that nothing follows."""

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas of one event. Raises the `ModelError` it tells of, or that it cannot be read."""
        try:
            deltas = self._read(read_head(data).type, data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _broken(f"sent an event that cannot be read ({error})") from error
        if deltas and not self._started:  # imitators may begin without a word about the response
            return [*self._start(Response()), *deltas]
        return deltas

    def check_ended(self) -> None:
        """The connection closed: without a terminal event that is `ModelUnavailable`."""
        if not self.ended:
            raise _broken("closed the connection in the middle of an answer")

    def _read(self, kind: str, data: bytes) -> list[Delta]:
        match kind:
            case "response.output_item.added":
                return self._start_item(read_item_event(data))
            case "response.output_item.done":
                event = read_item_event(data)
                return self._finish_item(event.output_index, event.item)
            case "error":
                raise read_error(data).as_model_error()
            case _ if kind.endswith(".delta"):
                return self._read_delta(kind, data)
        return self._read_response(kind, data)

    def _read_delta(self, kind: str, data: bytes) -> list[Delta]:
        match kind:
            case "response.output_text.delta" | "response.refusal.delta":
                return self._text(read_delta(data))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return self._reasoning(read_delta(data))
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                return self._arguments(read_delta(data))
        return []

    def _read_response(self, kind: str, data: bytes) -> list[Delta]:
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                return self._start(read_response(data).response)
            case "response.reasoning_summary_part.added":
                return self._paragraph(read_part(data))
            case "response.completed" | "response.incomplete":
                return self._finish(read_response(data).response)
            case "response.failed":
                raise (read_response(data).response.error or StreamError()).as_model_error()
        return []

    def _start(self, response: Response) -> list[Delta]:
        if self._started:
            return []
        self._started = True
        self._message_id = response.id or self._message_id
        return [MessageStarted(message_id=self._message_id, model=response.model or self._origin.model)]

    def _start_item(self, event: ItemEvent) -> list[Delta]:
        return self._open_block(event.output_index, event.item, read_item(event.item))

    def _open_block(self, position: int, raw: Raw, item: Item | None) -> list[Delta]:
        block = _empty_block(raw, item)
        parameter = ""
        if item is not None and item.type == "custom_tool_call":
            parameter = self._parameters.get(item.name or "", "input")
        self._open[position] = _OpenBlock(index=self._next_index, kind=type(block), parameter=parameter)
        self._next_index += 1
        return [BlockStarted(index=self._open[position].index, block=block)]

    def _text(self, event: DeltaEvent) -> list[Delta]:
        block = self._shown(event, Text)
        return [TextDelta(index=block.index, text=event.delta)] if block else []

    def _reasoning(self, event: DeltaEvent) -> list[Delta]:
        block = self._shown(event, Thinking)
        return [ThinkingDelta(index=block.index, thinking=event.delta)] if block else []

    def _paragraph(self, event: PartEvent) -> list[Delta]:
        block = self._open.get(event.output_index)
        if block is None or event.summary_index == 0:
            return []
        return [ThinkingDelta(index=block.index, thinking="\n\n")]

    def _arguments(self, event: DeltaEvent) -> list[Delta]:
        begun = (open_block := self._open.get(event.output_index)) is not None and open_block.shown
        block = self._shown(event, ToolUse)
        if block is None:
            return []
        if not block.parameter:
            return [ArgumentsDelta(index=block.index, json=event.delta)]
        before = "" if begun else _opening(block.parameter)
        return [ArgumentsDelta(index=block.index, json=before + _inside_quotes(event.delta))]

    def _shown(self, event: DeltaEvent, kind: type[AssistantBlock]) -> _OpenBlock | None:
        """The block `event` adds to; None where it was never opened, or adds nothing."""
        block = self._open.get(event.output_index)
        if block is None or block.kind is not kind or not event.delta:
            return None
        block.shown = True
        return block

    def _finish_item(self, position: int, raw: Raw) -> list[Delta]:
        item = read_item(raw)
        started = [] if position in self._open else self._open_block(position, raw, item)
        open_block = self._open.pop(position)
        block = block_of(raw, item, self._parameters)
        self._finished[open_block.index] = block
        self._refused = self._refused or (item is not None and item.refused)
        return [*started, *_rest(open_block, block), BlockFinished(index=open_block.index, block=block)]

    def _finish(self, response: Response) -> list[Delta]:
        started = self._start(response)
        missed = self._finish_missed(response.output)
        if self._open and response.incomplete_details is None:
            raise _broken("said it was done with an answer it had not finished")
        self.ended = True
        message = AssistantMessage(
            id=self._message_id,
            model=response.model or self._origin.model,
            content=tuple(self._finished[index] for index in sorted(self._finished)),
            stop_reason=self._stop_reason(response),
            usage=(response.usage or InclusiveUsage()).exclusive(),
            origin=self._origin,
        )
        return [*started, *missed, MessageFinished(message=message)]

    def _finish_missed(self, output: Sequence[Raw]) -> list[Delta]:
        """Imitators may leave `output_item.done` out; then the items stand in the terminal event alone."""
        positions = set(self._open) if self._finished else set(range(len(output)))
        return [
            delta
            for position, raw in enumerate(output)
            if position in positions
            for delta in self._finish_item(position, raw)
        ]

    def _stop_reason(self, response: Response) -> StopReason:
        if response.incomplete_details is not None and response.incomplete_details.reason:
            return "refusal" if response.incomplete_details.reason == "content_filter" else "max_tokens"
        if any(isinstance(block, ToolUse) for block in self._finished.values()):
            return "tool_use"
        return "refusal" if self._refused else "end_turn"


def _empty_block(raw: Raw, item: Item | None) -> AssistantBlock:
    match item:
        case None:
            return Opaque(raw=msgspec.json.decode(raw))
        case Item(type="message"):
            return Text(text="")
        case Item(type="reasoning"):
            return Thinking(thinking="")
        case Item():
            return ToolUse(id=call_id(item), name=item.name or "", input={})


def _rest(open_block: _OpenBlock, block: AssistantBlock) -> list[Delta]:
    """What eyes have not seen of a finished block: all of it where no deltas came, and the end of free-form JSON."""
    index = open_block.index
    match block:
        case ToolUse() if open_block.parameter and open_block.shown:
            return [ArgumentsDelta(index=index, json='"}')]
        case _ if open_block.shown:
            return []
        case ToolUse():
            return [ArgumentsDelta(index=index, json=block.unparsed or msgspec.json.encode(block.input).decode())]
        case Text(text=text) if text:
            return [TextDelta(index=index, text=text)]
        case Thinking(thinking=thinking) if thinking:
            return [ThinkingDelta(index=index, thinking=thinking)]
        case _:
            return []


def _opening(parameter: str) -> str:
    return "{" + msgspec.json.encode(parameter).decode() + ':"'


def _inside_quotes(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]


def _broken(what: str) -> ModelUnavailable:
    return ModelUnavailable(f"The provider {what}.", cause="broken_stream")
