"""Writes a request in the words of the Messages API.

    history -> blocks the target may see -> one message a turn -> cache breakpoints -> body

Pure, and the same history gives the same bytes apart from the breakpoints: the prompt cache and the signatures of
thinking hang on it.
"""

import re
import zlib
from collections.abc import Iterable
from typing import Any

from tianting.protocol.content import (
    Block,
    Document,
    Image,
    Opaque,
    RedactedThinking,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage
from tianting.protocol.model_catalogue import ModelInfo
from tianting.protocol.requests import Effort, ModelRequest
from tianting.protocol.tool_calls import ToolSpec

_Json = dict[str, Any]

_BREAKPOINT = {"type": "ephemeral"}
_THINKING_BUDGET: dict[Effort, int] = {"low": 4_096, "medium": 10_000, "high": 20_000, "xhigh": 28_000, "max": 32_000}
"""Tokens, for models that cannot choose for themselves."""
_LEAST_BUDGET = 1_024
_NO_IMAGE = "[There was an image here. This model cannot see images.]"


def message_body(request: ModelRequest, target: Origin, info: ModelInfo) -> _Json:
    """The body of `POST /v1/messages`, streaming. `target` is where it goes, `info` what its model can do."""
    max_tokens = min(request.max_tokens, info.max_output)
    body: _Json = {"model": request.model, "max_tokens": max_tokens, "stream": True}
    if system := [{"type": "text", "text": part} for part in request.system if part.strip()]:
        body["system"] = system
    if request.tools:
        body["tools"] = [_tool(spec) for spec in request.tools]
        if request.tool_choice == "none":
            body["tool_choice"] = {"type": "none"}
    messages = _Messages(target, info)
    messages.add_all(request.messages)
    body["messages"] = messages.merged
    body.update(_thinking(info, request.effort, max_tokens, messages.merged))
    _set_breakpoints(body, messages)
    return {**body, **request.extra}


def count_body(request: ModelRequest, target: Origin, info: ModelInfo) -> _Json:
    """The body of `POST /v1/messages/count_tokens`: the same prompt, without what concerns the answer."""
    body = message_body(request, target, info)
    unknown = ("max_tokens", "stream", "metadata", "service_tier", "stop_sequences")
    return {name: value for name, value in body.items() if name not in unknown}


class _Messages:
    """A history in the API's shape: roles alternate, and nothing is empty."""

    def __init__(self, target: Origin, info: ModelInfo) -> None:
        self._target = target
        self._sees_images = info.images
        self.merged: list[_Json] = []
        self.environment: _Json | None = None
        """The last block of the first user message, before neighbours joined it: many sessions begin with the same."""

    def add_all(self, messages: Iterable[Message]) -> None:
        """Append each, merging neighbours of one role."""
        for message in messages:
            if isinstance(message, UserMessage):
                self._add_user(message)
            else:
                self._add_assistant(message)
        for merged in self.merged:
            if merged["role"] == "user":  # stable: results keep their order, and so does the rest
                merged["content"].sort(key=lambda block: block["type"] != "tool_result")

    def _add_user(self, message: UserMessage) -> None:
        blocks = [written for block in message.content if (written := self._user_block(block))]
        if blocks and self.environment is None:
            self.environment = blocks[-1]
        self._add("user", blocks)

    def _add_assistant(self, message: AssistantMessage) -> None:
        at_home = message.origin == self._target
        written = (self._assistant_block(block, at_home=at_home) for block in message.content)
        self._add("assistant", [block for block in written if block])

    def _add(self, role: str, blocks: list[_Json]) -> None:
        if not blocks:
            return
        if self.merged and self.merged[-1]["role"] == role:
            self.merged[-1]["content"] += blocks
        else:
            self.merged.append({"role": role, "content": blocks})

    def _user_block(self, block: Block) -> _Json | None:
        match block:
            case Text(text=text):
                return _text(text)
            case Image(source=source):
                return {"type": "image", "source": source} if self._sees_images else _text(_NO_IMAGE)
            case Document(source=source, title=title):
                named = {"title": title} if title else {}
                return {"type": "document", "source": source, **named}
            case ToolResult():
                return self._result(block)
        raise AssertionError(f"no user says {block!r}")

    def _result(self, block: ToolResult) -> _Json:
        content: str | list[_Json]
        if isinstance(block.content, str):
            content = block.content
        else:
            content = [written for part in block.content if (written := self._user_block(part))]
        if block.is_error:  # the API refuses an error without words
            return _result(block.tool_use_id, content or "The tool failed without a word.") | {"is_error": True}
        return _result(block.tool_use_id, content)

    def _assistant_block(self, block: Block, *, at_home: bool) -> _Json | None:
        """`at_home`: signed and opaque parts go back only to where they came from."""
        match block:
            case Text(text=text):
                return _text(text)
            case ToolUse(id=call_id, name=name, input=arguments):
                return {"type": "tool_use", "id": _id(call_id), "name": _name(name), "input": arguments}
            case Thinking(thinking=thinking, signature=signature) if at_home and signature:
                return {"type": "thinking", "thinking": thinking, "signature": signature}
            case RedactedThinking(data=data) if at_home:
                return {"type": "redacted_thinking", "data": data}
            case Opaque(raw=raw) if at_home:
                return raw
        return None


def _thinking(info: ModelInfo, effort: Effort | None, max_tokens: int, messages: list[_Json]) -> _Json:
    """The fields that ask for thinking. Without a word newer models hide it, so a summary is asked for."""
    if info.thinking == "adaptive":
        asked: _Json = {"thinking": {"type": "adaptive", "display": "summarized"}}
        return {**asked, "output_config": {"effort": effort}} if effort else asked
    if info.thinking == "none" or effort is None or _began_without_thinking(messages):
        return {}
    budget = min(_THINKING_BUDGET[effort], max_tokens - _LEAST_BUDGET)
    return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _LEAST_BUDGET else {}


def _began_without_thinking(messages: list[_Json]) -> bool:
    """Whether a turn is open whose calls follow no thinking: to ask for a budget then is an error."""
    if len(messages) < 2 or messages[-1]["content"][0]["type"] != "tool_result":
        return False
    return not str(messages[-2]["content"][0]["type"]).endswith("thinking")


def _set_breakpoints(body: _Json, messages: _Messages) -> None:
    """At most four: behind tools and system, behind the environment, behind the newest two user messages.

    Two, because a read looks back only some twenty blocks, and one answer can bring more.
    """
    fixed = body.get("system") or body.get("tools")
    if fixed:
        fixed[-1]["cache_control"] = _BREAKPOINT
    newest = [message["content"][-1] for message in messages.merged if message["role"] == "user"][-2:]
    for block in (messages.environment, *newest):
        if block is not None:
            block["cache_control"] = _BREAKPOINT


def _tool(spec: ToolSpec) -> _Json:
    return {"name": spec.name, "description": spec.description, "input_schema": spec.input_schema}


def _text(text: str) -> _Json | None:
    """The API refuses text without a visible character."""
    return {"type": "text", "text": text} if text.strip() else None


def _result(call_id: str, content: str | list[_Json]) -> _Json:
    return {"type": "tool_result", "tool_use_id": _id(call_id), "content": content}


def _id(call_id: str) -> str:
    """Ids of other providers may hold characters this one refuses. A call and its result are rewritten alike."""
    if re.fullmatch(r"[a-zA-Z0-9_-]+", call_id):
        return call_id
    return f"{re.sub(r'[^a-zA-Z0-9_-]', '_', call_id)}_{zlib.crc32(call_id.encode('utf-8', 'replace')):08x}"


def _name(name: str) -> str:
    """A name that a model made up must not spoil the history for good."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "unknown"
