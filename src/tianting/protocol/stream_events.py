"""The events inside a `stream_event` line, in the shapes of the Anthropic Messages API.

Clients that draw an answer while it arrives know these, whoever the provider is.
"""

from typing import Any

from msgspec import Struct

from tianting.protocol.stream_lines import WireMessage, WireUsage


class MessageStart(Struct, frozen=True, kw_only=True, tag_field="type", tag="message_start"):
    """An answer begins."""

    message: WireMessage


class ContentBlockStart(Struct, frozen=True, kw_only=True, tag_field="type", tag="content_block_start"):
    """A block begins."""

    index: int
    content_block: Any


class WireTextDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="text_delta"):
    """More words."""

    text: str


class WireThinkingDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="thinking_delta"):
    """More reasoning."""

    thinking: str


class SignatureDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="signature_delta"):
    """The proof of whose reasoning it is; comes last in its block."""

    signature: str


class InputJsonDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_json_delta"):
    """More of a call's arguments."""

    partial_json: str


class ContentBlockDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="content_block_delta"):
    """A piece of a block."""

    index: int
    delta: WireTextDelta | WireThinkingDelta | SignatureDelta | InputJsonDelta


class ContentBlockStop(Struct, frozen=True, kw_only=True, tag_field="type", tag="content_block_stop"):
    """A block is whole."""

    index: int


class StopDelta(Struct, frozen=True, kw_only=True):
    """Why the answer ended."""

    stop_reason: str | None
    stop_sequence: None = None


class MessageDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="message_delta"):
    """The end of an answer, with its true counts."""

    delta: StopDelta
    usage: WireUsage


class MessageStop(Struct, frozen=True, kw_only=True, tag_field="type", tag="message_stop"):
    """Nothing follows."""
