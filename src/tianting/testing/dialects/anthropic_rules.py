"""What the Messages API refuses: without it, mistakes of an agent would show up only against the real one.

Read leniently (unknown fields inside blocks pass, so that agents newer than this file work), judged strictly.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from tianting.models.scripted import SIGNATURE
from tianting.testing.dialects.dialect import TOOL_NAME, Refusal, decode, first_repeated, keys

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_MOST_BREAKPOINTS = 4
_SAMPLING = ("temperature", "top_p", "top_k")

_KEYS = keys(
    "model max_tokens messages system stream tools tool_choice thinking output_config cache_control stop_sequences "
    "metadata inference_geo service_tier speed container diagnostics user_profile_id workspace_id"
)
_OLD_KEYS = frozenset(_SAMPLING)
_BETA_KEYS = keys("context_management compaction mcp_servers fallbacks fallback_credit_token thread billing_policy")
_NOT_COUNTED = keys("max_tokens stream metadata service_tier stop_sequences")


class Block(Struct, frozen=True, kw_only=True):
    """Any content block; fields that its type does not have are empty."""

    type: str
    text: str = ""
    signature: str = ""
    id: str = ""
    name: str = ""
    input: Any = None
    tool_use_id: str = ""
    content: Any = ""
    cache_control: dict[str, Any] | None = None


class Message(Struct, frozen=True, kw_only=True):
    """One message, with text in its short form made a block."""

    role: str
    content: str | tuple[Block, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The content, in its long form."""
        return (Block(type="text", text=self.content),) if isinstance(self.content, str) else self.content


class OfferedTool(Struct, frozen=True, kw_only=True):
    """A tool of the client, or one that the provider defines, which has a dated `type`."""

    name: str = ""
    type: str | None = None
    input_schema: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None


class Body(Struct, frozen=True, kw_only=True):
    """A request."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int = 0
    system: str | tuple[Block, ...] = ""
    tools: tuple[OfferedTool, ...] = ()
    stream: bool = False
    thinking: dict[str, Any] = {}
    cache_control: dict[str, Any] | None = None


def read_body(headers: Mapping[str, str], raw: bytes, *, counting: bool) -> Body:
    """Read and judge a request. Raises `Refusal` with the first thing that is wrong."""
    version = headers.get("anthropic-version")
    if version is None:
        raise Refusal("anthropic-version: header is required")
    content = decode(raw)
    _check_keys(content, version, beta="anthropic-beta" in headers, counting=counting)
    try:
        body = msgspec.convert(content, Body)
    except msgspec.ValidationError as error:
        raise Refusal(str(error)) from error
    merged = structs.replace(body, messages=tuple(_merged(body.messages)))
    for complaint in _complaints(merged):
        raise Refusal(complaint)
    return merged


def _check_keys(content: Mapping[str, Any], version: str, *, beta: bool, counting: bool) -> None:
    known = _KEYS | (_BETA_KEYS if beta else frozenset()) | (_OLD_KEYS if version < "2026-10-21" else frozenset())
    if counting:
        known -= _NOT_COUNTED
    for key in content:
        if key not in known:
            raise Refusal(f"{key}: Extra inputs are not permitted")
    for key in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if key not in content:
            raise Refusal(f"{key}: Field required")


def _merged(messages: tuple[Message, ...]) -> Iterator[Message]:
    """Neighbours of one role count as one message."""
    last: Message | None = None
    for message in messages:
        if last is not None and last.role == message.role:
            last = Message(role=last.role, content=(*last.blocks, *message.blocks))
            continue
        if last is not None:
            yield last
        last = message
    if last is not None:
        yield last


def _complaints(body: Body) -> Iterator[str]:
    yield from _about_frame(body)
    yield from _about_tools(body.tools)
    yield from _about_blocks(body)
    yield from _about_pairing(body.messages)
    yield from _about_breakpoints(body)


def _about_frame(body: Body) -> Iterator[str]:
    if not body.messages:
        yield "messages: at least one message is required"
        return
    for place, (message, following) in enumerate(itertools.zip_longest(body.messages, body.messages[1:])):
        if message.role not in {"user", "assistant", "system"}:
            yield f"messages.{place}.role: Input should be 'user', 'assistant' or 'system'"
        if message.role == "system" and following is not None and following.role == "user":
            yield f"messages.{place}: a system message must be last or stand before an assistant message"
    if body.messages[0].role != "user":
        yield "messages: first message must use the user role"
    if body.messages[-1].role == "assistant":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."
    budget = body.thinking.get("budget_tokens", 0)
    if body.thinking.get("type") == "enabled" and body.max_tokens and not 1024 <= budget < body.max_tokens:
        yield "thinking.enabled.budget_tokens: must be at least 1024 and less than max_tokens"


def _about_tools(tools: tuple[OfferedTool, ...]) -> Iterator[str]:
    for place, tool in enumerate(tools):
        if tool.type not in {None, "custom"}:
            continue
        if not TOOL_NAME.fullmatch(tool.name):
            yield f"tools.{place}.custom.name: String should match pattern '^{TOOL_NAME.pattern}$'"
        if tool.input_schema is None or tool.input_schema.get("type") != "object":
            yield f"tools.{place}.custom.input_schema.type: Field required, must be 'object'"
    if first_repeated(tool.name for tool in tools if tool.name):
        yield "tools: Tool names must be unique."


def _about_blocks(body: Body) -> Iterator[str]:
    if not isinstance(body.system, str) and any(not block.text for block in body.system):
        yield "system: text content blocks must be non-empty"
    for place, message in enumerate(body.messages):
        if not message.blocks and message.role != "system":  # Claude Code sends some that carry options alone
            yield f"messages.{place}: all messages must have non-empty content"
        for position, block in enumerate(message.blocks):
            yield from (f"messages.{place}.content.{position}.{complaint}" for complaint in _about_block(block))


def _about_block(block: Block) -> Iterator[str]:
    match block.type:
        case "text" if not block.text:
            yield "text: text content blocks must be non-empty"
        case "tool_use" if not _ID.fullmatch(block.id):
            yield "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        case "tool_use" if not isinstance(block.input, dict):
            yield "tool_use.input: Input should be a valid dictionary"
        case "thinking" if block.signature != SIGNATURE:
            yield "thinking.signature: Invalid `signature` in `thinking` block"
        case "thinking" | "redacted_thinking" if block.cache_control:
            yield f"{block.type}.cache_control: Extra inputs are not permitted"


def _about_pairing(messages: tuple[Message, ...]) -> Iterator[str]:
    asked: list[str] = []
    for place, message in enumerate(messages):
        results = [block.tool_use_id for block in message.blocks if block.type == "tool_result"]
        missing = [call for call in asked if call not in results]
        if missing:
            yield (
                f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}"
            )
        for result in results:
            if result not in asked:
                yield f"messages.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {result}"
        if first_repeated(results):
            yield f"messages.{place}: each tool_use must have a single result"
        if any(block.type != "tool_result" for block in message.blocks[: len(results)]):
            yield f"messages.{place}: `tool_result` blocks must come first in the content"
        asked = [block.id for block in message.blocks if block.type == "tool_use"]
    if first_repeated(block.id for message in messages for block in message.blocks if block.type == "tool_use"):
        yield "messages: `tool_use` ids must be unique"


def _about_breakpoints(body: Body) -> Iterator[str]:
    found = [mark for mark in _marks(body) if mark]
    if len(found) > _MOST_BREAKPOINTS:
        yield f"A maximum of {_MOST_BREAKPOINTS} blocks with cache_control may be provided. Found {len(found)}."
    lives = [mark.get("ttl", "5m") for mark in found]
    if lives != sorted(lives):  # "1h" sorts before "5m"
        yield "cache_control: a ttl='1h' block must not come after a ttl='5m' block"


def _marks(body: Body) -> Iterator[dict[str, Any] | None]:
    """Every `cache_control`, in the order in which the prompt is read."""
    yield from (tool.cache_control for tool in body.tools)
    if not isinstance(body.system, str):
        yield from (block.cache_control for block in body.system)
    for message in body.messages:
        for block in message.blocks:
            if isinstance(block.content, list):
                yield from (inner.get("cache_control") for inner in block.content if isinstance(inner, dict))
            yield block.cache_control
    yield body.cache_control
