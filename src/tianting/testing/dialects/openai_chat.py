"""Chat Completions (`POST /v1/chat/completions`) from the provider's side: a message becomes chunks."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tianting.models.scripted import arguments, pieces
from tianting.protocol.content import AssistantBlock, Text, Thinking, ToolUse
from tianting.protocol.messages import AssistantMessage, StopReason
from tianting.protocol.usage import Usage
from tianting.testing.dialects.chat_rules import read_body
from tianting.testing.dialects.dialect import Asked, conversation, frame
from tianting.testing.dialects.openai_errors import openai_error

Json = dict[str, Any]

_FINISH: dict[StopReason | None, str] = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class OpenAIChat:
    """Implements `Dialect`. Thinking travels as `reasoning_content`, as most imitators of the API send it."""

    path = "/v1/chat/completions"
    count_path = None

    def read(self, headers: Mapping[str, str], body: bytes, *, counting: bool) -> Asked:
        """Check a request as strictly as the real API does. Raises `Refusal`."""
        read = read_body(body)
        return Asked(
            model=read.model,
            stream=read.stream,
            usage_wanted=bool((read.stream_options or {}).get("include_usage")),
            conversation=conversation(
                [message for message in read.messages if message.role not in {"system", "developer"}],
                lambda message: message.role == "assistant",
                lambda message: message.words,
            ),
        )

    def frames(self, asked: Asked, message: AssistantMessage, chunk: int) -> Iterator[bytes]:
        """From the chunk with the role to `[DONE]`."""
        for delta in _deltas(message, chunk):
            yield frame(_chunk(message, [{"index": 0, "delta": delta, "finish_reason": None}]))
        yield frame(_chunk(message, [{"index": 0, "delta": {}, "finish_reason": _finish(message)}]))
        if asked.usage_wanted:
            yield frame({**_chunk(message, []), "usage": _usage(message.usage)})
        yield b"data: [DONE]\n\n"

    def whole(self, asked: Asked, message: AssistantMessage) -> bytes:
        """The answer to a request that wants no stream."""
        choice = {"index": 0, "message": _whole(message), "logprobs": None, "finish_reason": _finish(message)}
        head = {**_chunk(message, [choice]), "object": "chat.completion"}
        return msgspec.json.encode({**head, "usage": _usage(message.usage)})

    def counted(self, tokens: int) -> bytes:
        """This API does not count."""
        raise AssertionError(f"nobody asked to count {tokens} tokens")

    def error(self, status: int, name: str, words: str) -> bytes:
        """The body of an answer with an error status."""
        return msgspec.json.encode({"error": openai_error(name, words, status=status)})

    def error_frame(self, name: str, words: str, *, place: int) -> bytes:
        """An error that comes when the stream has begun."""
        return frame({"error": openai_error(name, words)})


def _deltas(message: AssistantMessage, chunk: int) -> Iterator[Json]:
    yield {"role": "assistant", "content": ""}
    position = 0
    for block in message.content:
        yield from _block_deltas(block, position, chunk)
        position += isinstance(block, ToolUse)


def _block_deltas(block: AssistantBlock, position: int, chunk: int) -> Iterator[Json]:
    match block:
        case Text(text=text):
            yield from ({"content": piece} for piece in pieces(text, chunk))
        case Thinking(thinking=thinking):
            yield from ({"reasoning_content": piece} for piece in pieces(thinking, chunk))
        case ToolUse(id=call_id, name=name):
            begun = {"index": position, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
            yield {"tool_calls": [begun]}
            for piece in pieces(arguments(block), chunk):
                yield {"tool_calls": [{"index": position, "function": {"arguments": piece}}]}


def _whole(message: AssistantMessage) -> Json:
    text = "".join(block.text for block in message.content if isinstance(block, Text))
    thinking = "".join(block.thinking for block in message.content if isinstance(block, Thinking))
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments(call)}}
        for call in message.calls
    ]
    whole: Json = {"role": "assistant", "content": text or None, "refusal": None}
    return whole | ({"reasoning_content": thinking} if thinking else {}) | ({"tool_calls": calls} if calls else {})


def _chunk(message: AssistantMessage, choices: list[Json]) -> Json:
    serial = message.id.removeprefix("msg_")
    head = {"id": f"chatcmpl-{serial}", "object": "chat.completion.chunk", "created": 0, "model": message.model}
    return {**head, "choices": choices}


def _finish(message: AssistantMessage) -> str:
    return _FINISH.get(message.stop_reason, "stop")


def _usage(usage: Usage) -> Json:
    """OpenAI's counts include what was cached."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.context_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_input_tokens,
            "cache_write_tokens": usage.cache_creation_input_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.thinking_tokens},
    }
