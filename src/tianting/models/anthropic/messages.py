"""A history in the shape the Messages API takes: roles alternate, results come first, and nothing is empty.

Signed thinking and unknown blocks go back only to where they came from. Everything else goes anywhere.
"""

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

from tianting.models.call_ids import CallIds
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

Json = dict[str, Any]

_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NO_IMAGE = "[There was an image here. This model cannot see images.]"


class WireMessages:
    """The messages of one request. Their blocks are new objects, to be marked freely.

    Thinking whose signature is in `refused` stays behind, although it came from here.
    """

    def __init__(self, history: Sequence[Message], target: Origin, *, images: bool, refused: Set[str]) -> None:
        self._target = target
        self._refused = refused
        self._images = images
        self._ids = CallIds(history, _CALL_ID)
        self.merged: list[Json] = []
        self.environment: Json | None = None
        """The last block of the first user message, before neighbours joined it: many sessions begin with the same."""
        for message in history:
            self._add_message(message)
        for merged in self.merged:
            if merged["role"] == "user":  # a stable sort: results keep their order, and so does the rest
                merged["content"].sort(key=lambda block: block["type"] != "tool_result")

    def _add_message(self, message: Message) -> None:
        match message:
            case UserMessage(content=content):
                blocks = [written for block in content if (written := self._user_block(block))]
                self.environment = self.environment or (blocks[-1] if blocks else None)
                self._add("user", blocks)
            case AssistantMessage(content=content, origin=origin):
                at_home = origin == self._target
                self._add("assistant", [w for block in content if (w := self._assistant_block(block, at_home))])

    def _add(self, role: str, blocks: list[Json]) -> None:
        if not blocks:
            return
        if self.merged and self.merged[-1]["role"] == role:
            self.merged[-1]["content"] += blocks
        else:
            self.merged.append({"role": role, "content": blocks})

    def _user_block(self, block: Block) -> Json | None:
        match block:
            case Text(text=text):
                return _text(text)
            case Image(source=source):
                return {"type": "image", "source": source} if self._images else _text(_NO_IMAGE)
            case Document(source=source, title=title):
                return {"type": "document", "source": source, **({"title": title} if title else {})}
            case ToolResult():
                return self._result(block)
        raise AssertionError(f"no user says {block!r}")

    def _result(self, block: ToolResult) -> Json:
        content: str | list[Json]
        if isinstance(block.content, str):
            content = block.content
        else:
            content = [written for part in block.content if (written := self._user_block(part))]
        result = {"type": "tool_result", "tool_use_id": self._ids[block.tool_use_id], "content": content}
        if block.is_error:  # the API refuses an error without words
            return result | {"content": content or "The tool failed without a word.", "is_error": True}
        return result

    def _assistant_block(self, block: Block, at_home: bool) -> Json | None:
        match block:
            case Text(text=text):
                return _text(text)
            case ToolUse(id=call_id, name=name, input=arguments):
                return {"type": "tool_use", "id": self._ids[call_id], "name": _name(name), "input": arguments}
            case Thinking(thinking=thinking, signature=signature) if at_home and self._is_taken(signature):
                return {"type": "thinking", "thinking": thinking, "signature": signature}
            case RedactedThinking(data=data) if at_home and self._is_taken(data):
                return {"type": "redacted_thinking", "data": data}
            case Opaque(raw=raw) if at_home:
                return raw
        return None

    def _is_taken(self, signature: str) -> bool:
        return signature != "" and signature not in self._refused


def signatures(history: Iterable[Message]) -> Iterator[str]:
    """What vouches for each piece of thinking in `history`."""
    for message in history:
        for block in message.content:
            match block:
                case Thinking(signature=signature) | RedactedThinking(data=signature):
                    yield signature


def _text(text: str) -> Json | None:
    """The API refuses text without a visible character."""
    return {"type": "text", "text": text} if text.strip() else None


def _name(name: str) -> str:
    """A tool's name that a model made up must not spoil the history for good."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "unknown"
