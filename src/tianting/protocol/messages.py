"""Who said what: the two kinds of message a history is made of.

A history is append-only. Tool results are user messages, one per result; a provider's door merges neighbours.
"""

from typing import Literal

from msgspec import Struct

from tianting.protocol.content import AssistantBlock, Text, ToolResult, ToolUse, UserBlock
from tianting.protocol.usage import Usage

Dialect = Literal["anthropic", "openai-responses", "openai-chat", "scripted"]

StopReason = Literal[
    "end_turn",
    "tool_use",
    "max_tokens",
    "stop_sequence",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
]
"""Anthropic's words; every other dialect is translated into them."""


class Origin(Struct, frozen=True, kw_only=True):
    """Where an answer came from. Its signatures and `opaque` parts go back only to the same place."""

    dialect: Dialect
    base_url: str
    model: str


class UserMessage(Struct, frozen=True, kw_only=True):
    """What the person, a tool or the harness said. `meta` marks notes of the harness."""

    content: tuple[UserBlock, ...]
    meta: bool = False


class AssistantMessage(Struct, frozen=True, kw_only=True):
    """One whole answer of a model."""

    id: str
    model: str
    content: tuple[AssistantBlock, ...]
    stop_reason: StopReason | None = None
    usage: Usage = Usage()
    origin: Origin | None = None
    aborted: bool = False
    """The person stopped it: `content` is what had arrived, without calls and unsigned thinking."""

    @property
    def calls(self) -> tuple[ToolUse, ...]:
        """The tools it asks for, in order."""
        return tuple(block for block in self.content if isinstance(block, ToolUse))


Message = UserMessage | AssistantMessage


def user_text(text: str, *, meta: bool = False) -> UserMessage:
    """Build the plainest message."""
    return UserMessage(content=(Text(text=text),), meta=meta)


def note(text: str) -> UserMessage:
    """Build a note of the harness: a fact with one consequence, marked so that the model can tell whose it is."""
    return user_text(f"<system-reminder>\n{text}\n</system-reminder>", meta=True)


def unanswered_calls(history: list[Message]) -> list[ToolUse]:
    """Calls without a result, in order. Providers reject such a history."""
    answered = {
        block.tool_use_id
        for message in history
        if isinstance(message, UserMessage)
        for block in message.content
        if isinstance(block, ToolResult)
    }
    return [
        call
        for message in history
        if isinstance(message, AssistantMessage)
        for call in message.calls
        if call.id not in answered
    ]
