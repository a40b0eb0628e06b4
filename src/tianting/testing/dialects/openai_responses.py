"""The Responses API (`POST /v1/responses`) from the provider's side: a message becomes items, items become events."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tianting.models.scripted import arguments, pieces
from tianting.protocol.content import AssistantBlock, Text, Thinking, ToolUse
from tianting.protocol.messages import AssistantMessage, StopReason
from tianting.protocol.usage import Usage
from tianting.testing.dialects.dialect import Asked, conversation, frame
from tianting.testing.dialects.openai_errors import openai_error
from tianting.testing.dialects.responses_rules import read_body

Json = dict[str, Any]

_INCOMPLETE: dict[StopReason | None, str] = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}


class OpenAIResponses:
    """Implements `Dialect`."""

    path = "/v1/responses"
    count_path = "/v1/responses/input_tokens"

    def read(self, headers: Mapping[str, str], body: bytes, *, counting: bool) -> Asked:
        """Check a request as strictly as the real API does. Raises `Refusal`."""
        read = read_body(body, counting=counting)
        return Asked(
            model=read.model,
            stream=read.stream,
            free_form=read.free_form,
            conversation=conversation(read.items, lambda item: item.by_model, lambda item: item.words),
        )

    def frames(self, asked: Asked, message: AssistantMessage, chunk: int) -> Iterator[bytes]:
        """From `response.created` to `response.completed` or `response.incomplete`."""
        for number, event in enumerate(_events(asked, message, chunk)):
            yield frame({**event, "sequence_number": number}, event["type"])

    def whole(self, asked: Asked, message: AssistantMessage) -> bytes:
        """The answer to a request that wants no stream."""
        return msgspec.json.encode(_finished(asked, message))

    def counted(self, tokens: int) -> bytes:
        """The answer to a request to count."""
        return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})

    def error(self, status: int, name: str, words: str) -> bytes:
        """The body of an answer with an error status."""
        return msgspec.json.encode({"error": openai_error(name, words, status=status)})

    def error_frame(self, name: str, words: str, *, place: int) -> bytes:
        """An error that comes when the stream has begun, after `place` other events."""
        code = openai_error(name, words)["code"] or name
        event = {"type": "error", "code": code, "message": words, "param": None, "sequence_number": place}
        return frame(event, "error")


def _events(asked: Asked, message: AssistantMessage, chunk: int) -> Iterator[Json]:
    begun = _response(message, "in_progress")
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, block in enumerate(message.content):
        item = _item(asked, message, index)
        at = {"item_id": item["id"], "output_index": index}
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        yield from _item_events(item, block, at, chunk)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    finished = _finished(asked, message)
    yield {"type": f"response.{finished['status']}", "response": finished}


def _item_events(item: Json, block: AssistantBlock, at: Json, chunk: int) -> Iterator[Json]:
    match block:
        case Thinking(thinking=thinking):
            yield from _summary_events(thinking, {**at, "summary_index": 0}, chunk)
        case Text(text=text):
            yield from _text_events(text, {**at, "content_index": 0}, chunk)
        case ToolUse() if item["type"] == "custom_tool_call":
            name = "response.custom_tool_call_input"
            yield from ({"type": f"{name}.delta", **at, "delta": piece} for piece in pieces(item["input"], chunk))
            yield {"type": f"{name}.done", **at, "input": item["input"]}
        case ToolUse():
            name = "response.function_call_arguments"
            yield from ({"type": f"{name}.delta", **at, "delta": piece} for piece in pieces(item["arguments"], chunk))
            yield {"type": f"{name}.done", **at, "arguments": item["arguments"]}


def _summary_events(text: str, at: Json, chunk: int) -> Iterator[Json]:
    name = "response.reasoning_summary"
    yield {"type": f"{name}_part.added", **at, "part": {"type": "summary_text", "text": ""}}
    yield from ({"type": f"{name}_text.delta", **at, "delta": piece} for piece in pieces(text, chunk))
    yield {"type": f"{name}_text.done", **at, "text": text}
    yield {"type": f"{name}_part.done", **at, "part": {"type": "summary_text", "text": text}}


def _text_events(text: str, at: Json, chunk: int) -> Iterator[Json]:
    yield {"type": "response.content_part.added", **at, "part": _text_part("")}
    for piece in pieces(text, chunk):
        yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **at, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": _text_part(text)}


def _item(asked: Asked, message: AssistantMessage, index: int) -> Json:
    """A block as a whole item."""
    serial = f"{message.id.removeprefix('msg_')}_{index}"
    match message.content[index]:
        case Thinking(thinking=thinking, signature=signature):
            summary = [{"type": "summary_text", "text": thinking}]
            return {"type": "reasoning", "id": f"rs_{serial}", "summary": summary, "encrypted_content": signature}
        case Text(text=text):
            said = {"role": "assistant", "status": "completed", "content": [_text_part(text)]}
            return {"type": "message", "id": f"msg_{serial}", **said}
        case ToolUse(id=call_id, name=name) as call if name in asked.free_form:
            plain = {"call_id": call_id, "name": name, "input": _plain_text(call)}
            return {"type": "custom_tool_call", "id": f"ctc_{serial}", **plain}
        case ToolUse(id=call_id, name=name) as call:
            told = {"call_id": call_id, "name": name, "arguments": arguments(call), "status": "completed"}
            return {"type": "function_call", "id": f"fc_{serial}", **told}
        case block:
            raise AssertionError(f"scripts do not say {block!r}")


_NOTHING_YET: dict[str, Json] = {
    "reasoning": {"summary": [], "encrypted_content": ""},
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
    "custom_tool_call": {"input": ""},
}


def _begun(item: Json) -> Json:
    return {**item, **_NOTHING_YET[item["type"]]}


def _text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _plain_text(call: ToolUse) -> str:
    """The one argument of a free-form tool."""
    return call.unparsed or "".join(str(value) for value in call.input.values())


def _response(message: AssistantMessage, status: str) -> Json:
    return {
        "id": f"resp_{message.id.removeprefix('msg_')}",
        "object": "response",
        "created_at": 0,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": message.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }


def _finished(asked: Asked, message: AssistantMessage) -> Json:
    reason = _INCOMPLETE.get(message.stop_reason)
    return {
        **_response(message, "completed" if reason is None else "incomplete"),
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": [_item(asked, message, index) for index in range(len(message.content))],
        "usage": _usage(message.usage),
    }


def _usage(usage: Usage) -> Json:
    """OpenAI's counts include what was cached."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_input_tokens,
            "cache_write_tokens": usage.cache_creation_input_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.thinking_tokens},
        "total_tokens": usage.context_tokens,
    }
