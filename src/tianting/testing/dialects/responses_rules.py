"""What the Responses API refuses: without it, mistakes of an agent would show up only against the real one."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from tianting.models.scripted import SIGNATURE
from tianting.testing.dialects.dialect import TOOL_NAME, Refusal, check_keys, decode, first_repeated, keys

_KEYS = keys(
    "model input instructions stream max_output_tokens metadata store previous_response_id conversation include "
    "reasoning text tools tool_choice parallel_tool_calls max_tool_calls prompt_cache_key prompt_cache_options "
    "prompt_cache_retention context_management truncation service_tier safety_identifier user stream_options "
    "temperature top_p top_logprobs background image moderation prompt access_programs client_metadata"
)
_COUNTED_KEYS = keys(
    "model input instructions parallel_tool_calls personality previous_response_id conversation reasoning text "
    "tool_choice tools truncation"
)
_CALLS = frozenset({"function_call", "custom_tool_call"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})


class OfferedTool(Struct, frozen=True, kw_only=True):
    """A tool; `function` and `custom` are the client's."""

    type: str
    name: str = ""
    parameters: dict[str, Any] | None = None
    tools: tuple["OfferedTool", ...] = ()
    """Of a `namespace`."""

    @property
    def unpacked(self) -> "Iterator[OfferedTool]":
        """The tools in a namespace, or itself."""
        yield from (inner for tool in self.tools for inner in tool.unpacked) if self.tools else (self,)


class Item(Struct, frozen=True, kw_only=True):
    """Any input item; fields that its type does not have are empty."""

    type: str = "message"
    role: str = ""
    content: Any = None
    id: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: Any = None
    output: Any = ""
    summary: Any = None
    encrypted_content: str | None = None
    tools: tuple[OfferedTool, ...] = ()
    """Of `additional_tools`, with which Codex offers its own."""

    @property
    def by_model(self) -> bool:
        """Whether the model said it."""
        return self.role == "assistant" or self.type in _CALLS or self.type == "reasoning"

    @property
    def words(self) -> str:
        """Its text."""
        parts = self.output if self.type in _OUTPUTS else self.content
        if isinstance(parts, list):
            return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
        return str(parts or "")


class Body(Struct, frozen=True, kw_only=True):
    """A request."""

    model: str
    input: str | tuple[Item, ...]
    tools: tuple[OfferedTool, ...] = ()
    stream: bool = False
    max_output_tokens: int | None = None

    @property
    def items(self) -> tuple[Item, ...]:
        """The input, in its long form."""
        return (Item(role="user", content=self.input),) if isinstance(self.input, str) else self.input

    @property
    def free_form(self) -> frozenset[str]:
        """Tools that take plain text, wherever they were offered."""
        offered = (*self.tools, *(tool for item in self.items for tool in item.tools))
        return frozenset(one.name for tool in offered for one in tool.unpacked if one.type == "custom")


def read_body(raw: bytes, *, counting: bool) -> Body:
    """Read and judge a request. Raises `Refusal` with the first thing that is wrong."""
    content = decode(raw)
    check_keys(content, _COUNTED_KEYS if counting else _KEYS, ("model", "input"))
    try:
        body = msgspec.convert(content, Body)
    except msgspec.ValidationError as error:
        raise Refusal(f"Invalid type: {error}", name="invalid_type") from error
    for refusal in _refusals(body):
        raise refusal
    return body


def _refusals(body: Body) -> Iterator[Refusal]:
    if body.max_output_tokens is not None and body.max_output_tokens < 16:
        yield Refusal("Invalid 'max_output_tokens': expected a value >= 16.", name="integer_below_min_value")
    if not body.items:
        yield Refusal("Invalid 'input': it holds no item.", name="missing_required_parameter")
    for complaint in (*_about_tools(body.tools), *_about_calls(body.items)):
        yield Refusal(complaint)
    for item, following in zip(body.items, (*body.items[1:], None), strict=True):
        if item.type == "reasoning":
            yield from _about_reasoning(item, following)


def _about_tools(tools: tuple[OfferedTool, ...]) -> Iterator[str]:
    own = [tool for tool in tools if tool.type in {"function", "custom"}]
    for tool in own:
        if not TOOL_NAME.fullmatch(tool.name):
            yield f"Invalid 'tools[].name': {tool.name!r} does not match '^{TOOL_NAME.pattern}$'."
        if tool.type == "function" and tool.parameters is not None and tool.parameters.get("type") != "object":
            yield f"Invalid schema for function '{tool.name}': schema must be a JSON Schema of 'type: \"object\"'."
    if again := first_repeated(tool.name for tool in own):
        yield f"Invalid 'tools': the name '{again}' is not unique."


def _about_calls(items: tuple[Item, ...]) -> Iterator[str]:
    calls = [item.call_id for item in items if item.type in _CALLS]
    outputs = [item.call_id for item in items if item.type in _OUTPUTS]
    for item in items:
        if item.type == "function_call" and not isinstance(item.arguments, str):
            yield "Invalid type for 'input[].arguments': expected a string."
        if item.type in _OUTPUTS and item.call_id not in calls:
            yield f"No tool call found for function call output with call_id {item.call_id}."
        if item.type in _CALLS and item.call_id not in outputs:
            yield f"No tool output found for function call {item.call_id}."
    if again := first_repeated(calls) or first_repeated(outputs):
        yield f"The call_id {again} is not unique."


def _about_reasoning(item: Item, following: Item | None) -> Iterator[Refusal]:
    if item.id is None or item.summary is None:
        yield Refusal("Missing required parameter: 'input[].id' or 'input[].summary' of a reasoning item.")
    if item.encrypted_content is None:
        words = f"Item with id '{item.id}' not found. Items are not persisted when `store` is set to false."
        yield Refusal(words, status=404, name="not_found_error")
    elif item.encrypted_content != SIGNATURE:
        yield Refusal("The encrypted content could not be verified.", name="invalid_encrypted_content")
    if following is None or not following.by_model:
        yield Refusal(f"Item '{item.id}' of type 'reasoning' was provided without its required following item.")
