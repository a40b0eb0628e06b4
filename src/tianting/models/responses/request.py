"""From a request of ours to the body of `POST /responses`: stateless, with the whole history.

What a provider gave goes back to it as it came. What came from elsewhere, or was cut short, is said again in the
easy form, without reasoning and without the ids that another place gave.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Raw, Struct

from tianting.models.arguments import write_arguments
from tianting.models.call_ids import OPENAI_ID, CallIds
from tianting.models.responses.items import freeform_parameters, read_note
from tianting.protocol.content import Base64Source, Document, Image, Opaque, Source, Text, Thinking, ToolResult, ToolUse
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest
from tianting.protocol.tool_calls import ToolSpec

_WITHOUT_REASONING = ("gpt-4", "gpt-3.5", "chatgpt-4")
_COUNTED = ("model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning")


class ResponsesTarget(Struct, frozen=True, kw_only=True):
    """Whom the request is for."""

    origin: Origin
    catalogue: ModelCatalogue
    unreadable: frozenset[str] = frozenset()
    """Ids of messages whose reasoning the provider refused to read."""


def request_body(request: ModelRequest, target: ResponsesTarget) -> dict[str, Any]:
    """The body, to be encoded by msgspec: reasoning items stand in it as raw JSON."""
    return {
        "model": request.model,
        "instructions": "\n\n".join(request.system),
        "input": _Input(request, target).items(),
        "store": False,
        "stream": True,
        "max_output_tokens": request.max_tokens,
        **_tools(request),
        **_reasoning(request),
        **({"prompt_cache_key": request.cache_key} if request.cache_key else {}),
        **request.extra,
    }


def count_body(request: ModelRequest, target: ResponsesTarget) -> dict[str, Any]:
    """The body of `POST /responses/input_tokens`: what of the same request makes up its prompt."""
    body = request_body(request, target)
    return {field: body[field] for field in _COUNTED if field in body}


def _tools(request: ModelRequest) -> dict[str, Any]:
    if not request.tools:
        return {}
    return {
        "tools": [_tool(tool) for tool in request.tools],
        "tool_choice": request.tool_choice,
        "parallel_tool_calls": True,
    }


def _tool(tool: ToolSpec) -> dict[str, Any]:
    if tool.grammar:
        grammar = {"type": "grammar", "syntax": "lark", "definition": tool.grammar}
        return {"type": "custom", "name": tool.name, "description": tool.description, "format": grammar}
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema,
        "strict": False,
    }


def _reasoning(request: ModelRequest) -> dict[str, Any]:
    """Models that do not reason reject these fields."""
    if request.model.rpartition("/")[2].startswith(_WITHOUT_REASONING):
        return {}
    effort = {} if request.effort is None else {"effort": request.effort}
    return {"reasoning": {"summary": "auto", **effort}, "include": ["reasoning.encrypted_content"]}


class _Input:
    """The items of one history."""

    def __init__(self, request: ModelRequest, target: ResponsesTarget) -> None:
        self._messages = request.messages
        self._target = target
        self._takes_images = target.catalogue.lookup(request.model).images
        self._ids = CallIds(request.messages, OPENAI_ID)
        self._parameters = freeform_parameters(request.tools)
        self._freeform_calls = _freeform_calls(request.messages, self._parameters)

    def items(self) -> list[Any]:
        return [item for message in self._messages for item in self._of(message)]

    def _of(self, message: Message) -> list[Any]:
        if isinstance(message, UserMessage):
            return self._said_to_model(message)
        return self._said_here(message) if self._is_replayable(message) else self._said_elsewhere(message)

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


def _freeform_calls(messages: Sequence[Message], parameters: dict[str, str]) -> frozenset[str]:
    """Ids of calls that go back as raw text: their tool takes it now, and they have it."""
    return frozenset(
        call.id
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.calls
        if call.name in parameters and isinstance(call.input.get(parameters[call.name]), str)
    )


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
