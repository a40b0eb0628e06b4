"""What a client may put into a prompt: words, pictures, documents. Shapes are those of the Anthropic Messages API.

Anything else is refused at the door: a tool result without its call, for one, would spoil the history for good.
"""

from typing import Literal

from msgspec import Struct

from tianting.protocol.content import Base64Source, Document, Image, Text, UrlSource, UserBlock


class ClientText(Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Words, without the fields that are only for providers."""

    text: str


class TextSource(Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """A document that is words."""

    data: str
    media_type: Literal["text/plain"] = "text/plain"


class ClientDocument(Struct, frozen=True, kw_only=True, tag_field="type", tag="document"):
    """A PDF, or a text that becomes part of the words."""

    source: Base64Source | UrlSource | TextSource
    title: str | None = None


ClientBlock = ClientText | Image | ClientDocument
ClientContent = str | tuple[ClientBlock, ...]


def user_blocks(content: ClientContent) -> tuple[UserBlock, ...]:
    """The blocks of a message whose content is `content`."""
    if isinstance(content, str):
        return (Text(text=content),)
    return tuple(map(_user_block, content))


def _user_block(block: ClientBlock) -> UserBlock:
    match block:
        case ClientText(text=text):
            return Text(text=text)
        case ClientDocument():
            return _document(block.source, block.title)
        case Image():
            return block


def _document(source: Base64Source | UrlSource | TextSource, title: str | None) -> Document | Text:
    if isinstance(source, TextSource):
        return Text(text=f"{title}\n\n{source.data}" if title else source.data)
    return Document(source=source, title=title)
