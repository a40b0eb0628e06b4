"""A history as the items of the Responses API.

What a provider gave goes back to it as it came. What came from elsewhere, or was cut short, is said again in the
easy form, without reasoning and without the ids that another place gave. A history that grows is written on, and each
message encoded once, or each turn would cost more than the one before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw, Struct

from tianting.models.arguments import write_arguments
from tianting.models.call_ids import OPENAI_ID, CallIds
from tianting.models.grown_history import has_grown_from
from tianting.models.http.request_json import encode_body
from tianting.models.responses.items import read_note
from tianting.protocol.content import Base64Source, Document, Image, Opaque, Source, Text, Thinking, ToolResult, ToolUse
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage
from tianting.protocol.model_catalogue import ModelCatalogue


class ResponsesTarget(Struct, frozen=True, kw_only=True):
    """Whom the request is for."""

    origin: Origin
    catalogue: ModelCatalogue
    unreadable: frozenset[str] = frozenset()
    """Ids of messages whose reasoning the provider refused to read."""


class WireInput:
    """The items of one conversation's requests to `target`. `parameters`: see `freeform_parameters`."""

    def __init__(self, target: ResponsesTarget, parameters: Mapping[str, str]) -> None:
        self._target = target
        self._parameters = parameters
        self._takes_images = target.catalogue.lookup(target.origin.model).images
        self._ids = CallIds((), OPENAI_ID)
        self._freeform_calls: set[str] = set()
        """Ids of calls that go back as raw text: their tool takes it now, and they have it."""
        self._history: Sequence[Message] = ()
        self.items: list[Raw] = []

    def begins(self, history: Sequence[Message], target: ResponsesTarget, parameters: Mapping[str, str]) -> bool:
        """Whether what is written so far is the beginning of `history`, for the same `target` and tools."""
        return (self._target, self._parameters) == (target, parameters) and has_grown_from(history, self._history)

    def extend(self, history: Sequence[Message]) -> None:
        """Write what `history` has grown by."""
        grown_by = history[len(self._history) :]
        self._history = history
        self._ids.learn(grown_by)
        for message in grown_by:
            self.items += [Raw(encode_body(item)) for item in self._of(message)]

    def _of(self, message: Message) -> list[Any]:
        if isinstance(message, UserMessage):
            return self._said_to_model(message)
        self._freeform_calls.update(call.id for call in message.calls if self._is_freeform(call))
        return self._said_here(message) if self._is_replayable(message) else self._said_elsewhere(message)

    def _is_freeform(self, call: ToolUse) -> bool:
        return call.name in self._parameters and isinstance(call.input.get(self._parameters[call.name]), str)

    def _said_to_model(self, message: UserMessage) -> list[Any]:
        results = [self._result(block) for block in message.content if isinstance(block, ToolResult)]
        parts = [self._part(block) for block in message.content if not isinstance(block, ToolResult)]
        return [*results, {"role": "user", "content": parts}] if parts else results

    def _result(self, result: ToolResult) -> dict[str, Any]:
        freeform = result.tool_use_id in self._freeform_calls
        return {
            "type": "custom_tool_call_output" if freeform else "function_call_output",
            "call_id": self._ids[result.tool_use_id],
            "output": self._output(result),
        }

    def _output(self, result: ToolResult) -> str | list[dict[str, Any]]:
        """This dialect has no field for failure, so the text says it."""
        prefix = "Error: " if result.is_error else ""
        if isinstance(result.content, str):
            return prefix + result.content
        parts = [self._part(block) for block in result.content]
        return [{"type": "input_text", "text": prefix.rstrip()}, *parts] if prefix else parts

    def _part(self, block: Text | Image | Document) -> dict[str, Any]:
        match block:
            case Text(text=text):
                return {"type": "input_text", "text": text}
            case Image(source=source) if self._takes_images:
                return {"type": "input_image", "detail": "auto", "image_url": _url(source)}
            case Image():
                return {"type": "input_text", "text": "[A picture stood here. This model takes none.]"}
            case Document(source=source, title=title):
                return _file(source, title)

    def _is_replayable(self, message: AssistantMessage) -> bool:
        """Opaque parts hold at the same place for the same family of models, in an answer that was whole."""
        theirs, ours = message.origin, self._target.origin
        if theirs is None or message.aborted or (theirs.dialect, theirs.base_url) != (ours.dialect, ours.base_url):
            return False
        family = self._target.catalogue.lookup(ours.model).family
        return theirs.model == ours.model or (
            family != "open" and family == self._target.catalogue.lookup(theirs.model).family
        )

    def _said_here(self, message: AssistantMessage) -> list[Any]:
        items: list[Any] = []
        keeps_reasoning = message.id not in self._target.unreadable
        for block in _without_reasoning_at_end(message) if keeps_reasoning else message.content:
            match block:
                case Thinking(signature=signature) if signature and keeps_reasoning:
                    items.append(Raw(signature.encode()))
                case Text(text=text, opaque=opaque):
                    items += _message(text, opaque if keeps_reasoning else "")
                case ToolUse():
                    items.append(self._call(block, block.opaque if keeps_reasoning else ""))
                case Opaque(raw=raw):
                    items.append(raw)
        return items

    def _said_elsewhere(self, message: AssistantMessage) -> list[Any]:
        items: list[Any] = []
        for block in message.content:
            match block:
                case Text(text=text):
                    items += _message(text, "")
                case ToolUse():
                    items.append(self._call(block, ""))
        return items

    def _call(self, call: ToolUse, opaque: str) -> dict[str, Any]:
        note = read_note(opaque)
        names = {key: value for key, value in (("id", note.id), ("namespace", note.namespace)) if value}
        names |= {"call_id": self._ids[call.id], "name": call.name}
        if call.id in self._freeform_calls:
            return {"type": "custom_tool_call", **names, "input": call.input[self._parameters[call.name]]}
        arguments = call.unparsed or write_arguments(call.input, note.arguments)
        return {"type": "function_call", **names, "arguments": arguments}


def _message(text: str, opaque: str) -> list[dict[str, Any]]:
    note = read_note(opaque)
    if not note.id:
        return [{"role": "assistant", "content": text}] if text else []
    item = {
        "type": "message",
        "id": note.id,
        "role": "assistant",
        "status": note.status or "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    return [item | {"phase": note.phase} if note.phase else item]


def _without_reasoning_at_end(message: AssistantMessage) -> Sequence[Any]:
    """Reasoning without the item it led to is rejected; an answer cut short may end in it."""
    content = message.content
    while content and isinstance(content[-1], Thinking):
        content = content[:-1]
    return content


def _file(source: Source, title: str | None) -> dict[str, Any]:
    if isinstance(source, Base64Source):
        return {"type": "input_file", "filename": title or "document.pdf", "file_data": _url(source)}
    return {"type": "input_file", "file_url": source.url}


def _url(source: Source) -> str:
    if isinstance(source, Base64Source):
        return f"data:{source.media_type};base64,{source.data}"
    return source.url
