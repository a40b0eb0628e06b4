"""What Chat Completions refuses: without it, mistakes of an agent would show up only against the real one."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from tianting.testing.dialects.dialect import TOOL_NAME, Refusal, check_keys, decode, first_repeated, keys

Json = dict[str, Any]

_KEYS = keys(
    "model messages stream stream_options max_tokens max_completion_tokens tools tool_choice parallel_tool_calls "
    "temperature top_p reasoning_effort response_format stop seed n user metadata store service_tier logprobs "
    "top_logprobs logit_bias frequency_penalty presence_penalty modalities audio prediction moderation verbosity "
    "web_search_options safety_identifier prompt_cache_key prompt_cache_options prompt_cache_retention functions "
    "function_call"
)


class CalledFunction(Struct, frozen=True, kw_only=True):
    """What a call asks for; the arguments are JSON text."""

    name: str
    arguments: str


class Call(Struct, frozen=True, kw_only=True):
    """One call of an answer."""

    id: str
    function: CalledFunction
    type: str = "function"


class Message(Struct, frozen=True, kw_only=True):
    """Any message; fields that its role does not have are empty."""

    role: str
    content: str | tuple[Json, ...] | None = None
    tool_calls: tuple[Call, ...] | None = None
    tool_call_id: str | None = None

    @property
    def words(self) -> str:
        """Its text."""
        if isinstance(self.content, tuple):
            return "\n".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class Function(Struct, frozen=True, kw_only=True):
    """What the client offers."""

    name: str = ""
    parameters: Json = {}


class Tool(Struct, frozen=True, kw_only=True):
    """A tool; `function` is the client's."""

    type: str
    function: Function = Function()


class Body(Struct, frozen=True, kw_only=True):
    """A request."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    stream: bool = False
    stream_options: Json | None = None


def read_body(raw: bytes) -> Body:
    """Read and judge a request. Raises `Refusal` with the first thing that is wrong."""
    content = decode(raw)
    check_keys(content, _KEYS, ("model", "messages"))
    try:
        body = msgspec.convert(content, Body)
    except msgspec.ValidationError as error:
        raise Refusal(f"Invalid type: {error}", name="invalid_type") from error
    for complaint in (*_about_tools(body.tools), *_about_messages(body.messages)):
        raise Refusal(complaint)
    return body


def _about_tools(tools: tuple[Tool, ...]) -> Iterator[str]:
    functions = [tool.function for tool in tools if tool.type == "function"]
    for function in functions:
        if not TOOL_NAME.fullmatch(function.name):
            yield f"Invalid 'tools[].function.name': {function.name!r} does not match '^{TOOL_NAME.pattern}$'."
        if function.parameters and function.parameters.get("type") != "object":
            yield f"Invalid schema for function '{function.name}': schema must be a JSON Schema of 'type: \"object\"'."
    if again := first_repeated(function.name for function in functions):
        yield f"Invalid 'tools': the name '{again}' is not unique."


def _about_messages(messages: tuple[Message, ...]) -> Iterator[str]:
    if not messages:
        yield "Invalid 'messages': empty array."
    waiting: list[str] = []
    for message in (*messages, Message(role="user", content="the end")):
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                yield "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                continue
            waiting.remove(message.tool_call_id)
            continue
        if waiting:
            yield (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following did not have response messages: {', '.join(waiting)}"
            )
        if message.role not in {"system", "developer", "user", "assistant"}:
            yield f"Invalid value: '{message.role}' is no role."
        if message.content is None and not message.tool_calls:
            yield f"Invalid value for 'content': a message with role '{message.role}' needs one."
        waiting = [call.id for call in message.tool_calls or ()]
