"""The Messages API (`POST /v1/messages`) from the provider's side: a message becomes named events."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tianting.models.scripted import arguments, pieces
from tianting.protocol.content import AssistantBlock, Text, Thinking, ToolUse
from tianting.protocol.messages import AssistantMessage
from tianting.protocol.usage import Usage
from tianting.testing.dialects.anthropic_rules import Block, Message, read_body
from tianting.testing.dialects.dialect import Asked, conversation, frame


class AnthropicMessages:
    """Implements `Dialect`."""

    path = "/v1/messages"
    count_path = "/v1/messages/count_tokens"

    def read(self, headers: Mapping[str, str], body: bytes, *, counting: bool) -> Asked:
        """Check a request as strictly as the real API does. Raises `Refusal`."""
        read = read_body(headers, body, counting=counting)
        history = conversation(read.messages, lambda message: message.role == "assistant", _words)
        return Asked(model=read.model, stream=read.stream, conversation=history)

    def frames(self, asked: Asked, message: AssistantMessage, chunk: int) -> Iterator[bytes]:
        """From `message_start` to `message_stop`."""
        yield _event("message_start", message=_opening(message))
        for index, block in enumerate(message.content):
            yield _event("content_block_start", index=index, content_block=_empty(block))
            for delta in _deltas(block, chunk):
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        ending = {"stop_reason": message.stop_reason, "stop_sequence": None}
        yield _event("message_delta", delta=ending, usage=_usage(message.usage))
        yield _event("message_stop")

    def whole(self, asked: Asked, message: AssistantMessage) -> bytes:
        """The answer to a request that wants no stream."""
        content = [_whole(block) for block in message.content]
        ending = {"content": content, "stop_reason": message.stop_reason, "usage": _usage(message.usage)}
        return msgspec.json.encode({**_opening(message), **ending})

    def counted(self, tokens: int) -> bytes:
        """The answer to a request to count."""
        return msgspec.json.encode({"input_tokens": tokens})

    def error(self, status: int, name: str, words: str) -> bytes:
        """The body of an answer with an error status."""
        return msgspec.json.encode(_error(name, words))

    def error_frame(self, name: str, words: str, *, place: int) -> bytes:
        """An error that comes when the stream has begun."""
        return frame(_error(name, words), "error")


def _event(name: str, **fields: Any) -> bytes:
    return frame({"type": name, **fields}, name)


def _opening(message: AssistantMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "model": message.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_usage(message.usage), "output_tokens": 1},
    }


def _empty(block: AssistantBlock) -> dict[str, Any]:
    """A block as it begins."""
    match block:
        case Text():
            return {"type": "text", "text": ""}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolUse(id=call_id, name=name):
            return {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        case _:
            raise AssertionError(f"scripts do not say {block!r}")


def _deltas(block: AssistantBlock, chunk: int) -> Iterator[dict[str, str]]:
    match block:
        case Text(text=text):
            yield from ({"type": "text_delta", "text": piece} for piece in pieces(text, chunk))
        case Thinking(thinking=thinking, signature=signature):
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(thinking, chunk))
            yield {"type": "signature_delta", "signature": signature}
        case ToolUse():
            yield {"type": "input_json_delta", "partial_json": ""}  # the real stream begins so, too
            for piece in pieces(arguments(block), chunk):
                yield {"type": "input_json_delta", "partial_json": piece}


def _whole(block: AssistantBlock) -> dict[str, Any]:
    match block:
        case Text(text=text):
            return {**_empty(block), "text": text}
        case Thinking(thinking=thinking, signature=signature):
            return {**_empty(block), "thinking": thinking, "signature": signature}
        case ToolUse():
            return {**_empty(block), "input": block.input}
        case _:
            raise AssertionError(f"scripts do not say {block!r}")


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_creation_input_tokens": usage.cache_creation_input_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "output_tokens_details": {"thinking_tokens": usage.thinking_tokens},
    }


def _error(name: str, words: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": name, "message": words}}


def _words(message: Message) -> str:
    return "\n".join(_block_words(block) for block in message.blocks)


def _block_words(block: Block) -> str:
    if block.type != "tool_result":
        return block.text
    if isinstance(block.content, str):
        return block.content
    return "\n".join(str(inner.get("text", "")) for inner in block.content)
