"""From the content of a message on disk to blocks, whoever wrote it: nothing in it may stop a session from opening."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tianting.protocol.content import (
    AssistantBlock,
    Block,
    Document,
    Image,
    Text,
    ToolResult,
    UserBlock,
    decode_block,
)


def assistant_blocks(content: Any) -> tuple[AssistantBlock, ...]:
    """What a model said. Blocks of unknown types stay as they are, for their provider; broken ones fall away."""
    blocks = (_known(raw) for raw in _parts(content))
    return tuple(block for block in blocks if isinstance(block, AssistantBlock) and block != Text(text=""))


def user_blocks(content: Any) -> tuple[UserBlock, ...]:
    """What a person, a tool or the harness said. A block that cannot be read is replaced by words that say so."""
    blocks = (_user_block(raw) for raw in _parts(content))
    return tuple(block for block in blocks if block != Text(text=""))


def _parts(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))


def _user_block(raw: dict[str, Any]) -> UserBlock:
    if raw.get("type") == "tool_result" and isinstance(raw.get("tool_use_id"), str):
        return _tool_result(raw)
    block = _known(raw)
    return block if isinstance(block, Text | Image | Document) else _left_out(raw)


def _tool_result(raw: dict[str, Any]) -> ToolResult:
    content = raw.get("content")
    return ToolResult(
        tool_use_id=raw["tool_use_id"],
        content=content if isinstance(content, str) else tuple(_result_part(part) for part in _parts(content)),
        is_error=raw.get("is_error") is True,
    )


def _result_part(raw: dict[str, Any]) -> Text | Image:
    block = _known(raw)
    return block if isinstance(block, Text | Image) else _left_out(raw)


def _known(raw: dict[str, Any]) -> Block | None:
    try:
        return decode_block(raw)
    except msgspec.ValidationError:
        return None


def _left_out(raw: dict[str, Any]) -> Text:
    """Providers take few types of block from a user, and refuse the whole request for an unknown one."""
    return Text(text=f"[{raw.get('type', 'block')} left out]")
