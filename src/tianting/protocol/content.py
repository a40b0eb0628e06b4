"""The blocks a message is made of.

Names and fields are those of the Anthropic Messages API, because transcripts and stream-json lines carry
exactly these shapes whoever the provider is. Other dialects are translated at their door, in `models/`.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct


class Text(Struct, frozen=True, kw_only=True, tag_field="type", tag="text", omit_defaults=True):
    """Words. `opaque` is what its provider wants back untouched (see `Origin` in `messages`)."""

    text: str
    opaque: str = ""


class Thinking(Struct, frozen=True, kw_only=True, tag_field="type", tag="thinking"):
    """A model's reasoning. `signature` is bytes of the provider's: never edited, merged or shown."""

    thinking: str
    signature: str = ""


class RedactedThinking(Struct, frozen=True, kw_only=True, tag_field="type", tag="redacted_thinking"):
    """Reasoning that only its provider can read."""

    data: str


class ToolUse(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_use", omit_defaults=True):
    """The model asks for a tool.

    `unparsed` holds the argument text as it came when it was no JSON object; `input` is then empty.
    """

    id: str
    name: str
    input: dict[str, Any]
    unparsed: str = ""
    opaque: str = ""


class Base64Source(Struct, frozen=True, kw_only=True, tag_field="type", tag="base64"):
    """Bytes carried in the message itself."""

    media_type: str
    data: str


class UrlSource(Struct, frozen=True, kw_only=True, tag_field="type", tag="url"):
    """Bytes the provider fetches by itself."""

    url: str


Source = Base64Source | UrlSource


class Image(Struct, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """A picture. Providers take JPEG, PNG, GIF and WebP."""

    source: Source


class Document(Struct, frozen=True, kw_only=True, tag_field="type", tag="document", omit_defaults=True):
    """A PDF that the model reads itself, where its provider can."""

    source: Source
    title: str | None = None


class ToolResult(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_result", omit_defaults=True):
    """The answer to one `ToolUse`, as the model reads it. Every call has exactly one."""

    tool_use_id: str
    content: str | tuple[Text | Image, ...] = ""
    is_error: bool = False


class Opaque(Struct, frozen=True, kw_only=True):
    """A block of a type we do not know, kept in its place and sent back as it came."""

    raw: dict[str, Any]

    @property
    def type(self) -> str:
        """What its provider calls it."""
        return str(self.raw.get("type", ""))


UserBlock = Text | Image | Document | ToolResult
AssistantBlock = Text | Thinking | RedactedThinking | ToolUse | Opaque
Block = UserBlock | AssistantBlock

_Known = Text | Thinking | RedactedThinking | ToolUse | Image | Document | ToolResult
_KNOWN_TYPES = frozenset(
    {"text", "thinking", "redacted_thinking", "tool_use", "image", "document", "tool_result"},
)
CacheTtl = Literal["5m", "1h"]


def decode_block(raw: dict[str, Any]) -> Block:
    """Read one block from outside. Unknown types are kept as `Opaque`.

    Raises `msgspec.ValidationError` for a known type with wrong fields; whoever opened the door handles it.
    """
    kind = raw.get("type")
    if isinstance(kind, str) and kind in _KNOWN_TYPES:
        block: Block = msgspec.convert(raw, _Known)
        return block
    return Opaque(raw=raw)


def block_json(block: Block) -> Any:
    """What msgspec should encode for `block`: itself, or the untouched original of an unknown one."""
    return block.raw if isinstance(block, Opaque) else block


def text_of(blocks: tuple[Block, ...]) -> str:
    """All words of `blocks`, joined; everything else is left out."""
    return "".join(block.text for block in blocks if isinstance(block, Text))
