"""The lines of a transcript as we write them.

An `Entry` is a line of the conversation and one link of its chain: it names the line before it. The other structs
say something about the session and stand outside the chain. Names on disk are Claude Code's; `origin` and
`aborted` are ours, and other readers skip them.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from tianting.protocol.messages import Origin, StopReason
from tianting.protocol.usage import Usage


class Stamp(Struct, frozen=True, kw_only=True):
    """What every line of a session repeats."""

    session_id: str
    cwd: str
    version: str
    """Of this program."""
    git_branch: str = ""


class UserBody(Struct, frozen=True, kw_only=True):
    """A user message on disk. Words alone are a plain string."""

    role: Literal["user"] = "user"
    content: str | tuple[Any, ...]


class AssistantBody(Struct, frozen=True, kw_only=True):
    """One block of an answer, with the facts of the whole."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: tuple[Any, ...]
    stop_reason: StopReason | None
    """Only at the last block: an answer without one was cut off."""
    stop_sequence: None = None
    usage: Usage


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One line of the conversation. Bulk comes last: lists look for the other fields in a file's first bytes."""

    type: Literal["user", "assistant"]
    parent_uuid: str | None
    is_sidechain: bool
    user_type: str
    cwd: str
    session_id: str
    version: str
    git_branch: str
    uuid: str
    timestamp: str
    """UTC, ISO 8601."""
    is_meta: bool = False
    permission_mode: str | None = None
    """At prompts: the mode they were given in."""
    origin: Origin | None = None
    aborted: bool = False
    source_tool_assistant_uuid: str | None = field(default=None, name="sourceToolAssistantUUID")
    """At results: the line with the call."""
    message: UserBody | AssistantBody
    tool_use_result: Any = None
    """What the tool tells programs."""


class CustomTitle(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="custom-title"):
    """The name a person gave."""

    custom_title: str
    session_id: str


class AiTitle(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="ai-title"):
    """The name we gave."""

    ai_title: str
    session_id: str


class LastPrompt(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="last-prompt"):
    """What was asked last, shortened."""

    last_prompt: str
    leaf_uuid: str | None
    """Where the conversation stood: Claude Code goes on from there, and leaves out branches that no such line names."""
    session_id: str


class Tag(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="tag"):
    """One word of a person's, to find the session again."""

    tag: str
    session_id: str


Record = Entry | CustomTitle | AiTitle | LastPrompt | Tag

_encoder = msgspec.json.Encoder()


def encode(record: Record) -> bytes:
    """One line, without its newline."""
    return _encoder.encode(record)
