"""A history in the shape the Messages API takes: roles alternate, results come first, and nothing is empty.

Signed thinking and unknown blocks go back only to where they came from. Everything else goes anywhere.
A history that grows is written on: what can no longer change is encoded once, or each turn would cost more than the
one before.
"""

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

import msgspec

from tianting.models.call_ids import ANTHROPIC_ID, CallIds
from tianting.models.grown_history import has_grown_from
from tianting.models.http.request_json import encode_body
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

_NO_IMAGE = "[There was an image here. This model cannot see images.]"


_BREAKPOINT = {"type": "ephemeral"}
_OPEN = 4
"""Messages at the end that may still change: neighbours join the last, breakpoints move over the newest two users'."""


class WireMessages:
    """The messages of one conversation's requests to `target`.

    Thinking whose signature is in `refused` stays behind, although it came from here.
    """

    def __init__(self, target: Origin, *, images: bool, refused: Set[str]) -> None:
        self._target = target
        self._refused = frozenset(refused)
        self._images = images
        self._ids = CallIds((), ANTHROPIC_ID)
        self._history: Sequence[Message] = ()
        self._settled: list[msgspec.Raw] = []
        self._marked: list[Json] = []
        self._environment: Json | None = None
        """The last block of the first user message, before neighbours joined it: many sessions begin with the same."""
        self.newest: list[Json] = []
        """The last few messages. Those before are bytes already."""

    def begins(self, history: Sequence[Message], target: Origin, refused: Set[str]) -> bool:
        """Whether what is written so far is the beginning of `history`, for the same `target`."""
        return (self._target, self._refused) == (target, refused) and has_grown_from(history, self._history)

    def extend(self, history: Sequence[Message]) -> None:
        """Write what `history` has grown by, and set the cache's breakpoints: behind the environment, and behind the
        newest two user messages. Two, because a read looks back only some twenty blocks, and one answer can bring more.
        """
        grown_by = history[len(self._history) :]
        self._history = history
        self._ids.learn(grown_by)
        self._unmark()
        for message in grown_by:
            self._add_message(message)
        for merged in self.newest:
            if merged["role"] == "user":  # a stable sort: results keep their order, and so does the rest
                merged["content"].sort(key=lambda block: block["type"] != "tool_result")
        self._mark()
        self._settle()

    @property
    def all(self) -> list[Any]:
        """Every message, for the encoder."""
        return [*self._settled, *self.newest]

    def _unmark(self) -> None:
        for block in self._marked:
            if block is not self._environment:
                del block["cache_control"]
        self._marked.clear()

    def _mark(self) -> None:
        newest = [message["content"][-1] for message in self.newest if message["role"] == "user"][-2:]
        self._marked = [block for block in (*newest, self._environment) if block is not None]
        for block in self._marked:
            block["cache_control"] = _BREAKPOINT

    def _settle(self) -> None:
        while len(self.newest) > _OPEN:
            self._settled.append(msgspec.Raw(encode_body(self.newest.pop(0))))

    def _add_message(self, message: Message) -> None:
        match message:
            case UserMessage(content=content):
                blocks = [written for block in content if (written := self._user_block(block))]
                self._environment = self._environment or (blocks[-1] if blocks else None)
                self._add("user", blocks)
            case AssistantMessage(content=content, origin=origin):
                at_home = origin == self._target
                self._add("assistant", [w for block in content if (w := self._assistant_block(block, at_home))])

    def _add(self, role: str, blocks: list[Json]) -> None:
        if not blocks:
            return
        if self.newest and self.newest[-1]["role"] == role:
            self.newest[-1]["content"] += blocks
        else:
            self.newest.append({"role": role, "content": blocks})

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
