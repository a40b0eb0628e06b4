"""Makes of what a server's tool gave back what a model reads: without it one result could fill the whole window.

blocks → words and pictures → what is too long into a file
"""

import base64
import binascii
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tianting.mcp.messages import ToolAnswer
from tianting.plumbing.atomic_file import write_atomically
from tianting.plumbing.json_lines import make_private_directory
from tianting.plumbing.printable import printable
from tianting.protocol.content import Base64Source, Image, Text
from tianting.protocol.ids import NewId

log = logging.getLogger(__name__)

MOST_CHARACTERS = 100_000
"""Of words in one result, about 25,000 tokens, where the tool does not say itself."""
_FOR_THE_NOTE = 500
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_LARGEST_PICTURE = 5 << 20
"""Characters of base64. Providers refuse the whole request for a larger one."""

Shown = str | tuple[Text | Image, ...]


class TextBlock(Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Words."""

    text: str


class DataBlock(Struct, frozen=True, kw_only=True, rename="camel"):
    """A picture or a sound, in base64."""

    data: str
    mime_type: str


class Resource(Struct, frozen=True, kw_only=True, rename="camel"):
    """A file, whole: words or bytes in base64."""

    uri: str
    mime_type: str = ""
    text: str | None = None
    blob: str = ""


class ResourceBlock(Struct, frozen=True, kw_only=True):
    """A resource within a result."""

    resource: Resource


class LinkBlock(Struct, frozen=True, kw_only=True):
    """Where a resource can be had."""

    uri: str
    name: str = ""
    description: str = ""


class Attic:
    """Keeps texts whole that are too long for the history, in files that their owner alone can read."""

    def __init__(self, directory: Path, new_id: NewId) -> None:
        self._directory = directory
        self._new_id = new_id

    def shortened(self, text: str, limit: int) -> str:
        """`text` in at most `limit` characters, with the way to the rest."""
        if len(text) <= limit:
            return text
        return f"{text[: max(limit - _FOR_THE_NOTE, 0)]}\n[{self._note(text)}]"

    def _note(self, text: str) -> str:
        path = self._directory / f"mcp-{self._new_id()}.txt"
        try:
            make_private_directory(self._directory)
            write_atomically(path, text.encode(errors="replace"), mode=0o600)
        except OSError as error:
            log.warning("a result could not be kept in %s: %s", path, error)
            return f"clipped: {len(text):,} characters"
        return f"clipped: {len(text):,} characters; all of it in {path}, Grep it"


def shown(answer: ToolAnswer, attic: Attic, limit: int = MOST_CHARACTERS) -> Shown:
    """What the model reads. Structured content stands in place of words, which say the same."""
    parts = [_part(block) for block in answer.content]
    pictures = [part for part in parts if isinstance(part, Image)]
    words = [part for part in parts if isinstance(part, Text)]
    if answer.structured_content is not None:
        parts = [Text(text=_json(answer.structured_content)), *pictures]
    elif sum(len(part.text) for part in words) > limit:
        parts = [Text(text="\n".join(part.text for part in words)), *pictures]
    return _joined([_fitting(part, attic, limit) for part in parts])


def _joined(parts: list[Text | Image]) -> Shown:
    """Words alone are one text, which reads better; beyond the usual length it is a block, which nobody clips again."""
    text = "\n".join(part.text for part in parts if isinstance(part, Text))
    if len(text) <= MOST_CHARACTERS and not any(isinstance(part, Image) for part in parts):
        return text or "The tool gave nothing back."
    return tuple(parts)


def _fitting(part: Text | Image, attic: Attic, limit: int) -> Text | Image:
    return part if isinstance(part, Image) else Text(text=attic.shortened(part.text, limit))


def _part(block: dict[str, Any]) -> Text | Image:
    kind = block.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    try:
        return reader(block) if reader else _left_out(f"content of type {kind!r}")
    except msgspec.ValidationError as error:
        return _left_out(f"{kind} that cannot be read: {error}")


def _text(block: dict[str, Any]) -> Text:
    return Text(text=msgspec.convert(block, TextBlock).text)


def _data(block: dict[str, Any]) -> Text | Image:
    read = msgspec.convert(block, DataBlock)
    return _picture(read.mime_type, read.data)


def _resource(block: dict[str, Any]) -> Text | Image:
    resource = msgspec.convert(block, ResourceBlock).resource
    if resource.text is None:
        return _picture(resource.mime_type, resource.blob, f" of {printable(resource.uri, 200)}")
    return Text(text=f"[{printable(resource.uri, 200)}]\n{resource.text}")


def _link(block: dict[str, Any]) -> Text:
    link = msgspec.convert(block, LinkBlock)
    told = " ".join(part for part in (link.name, link.uri, link.description) if part)
    return Text(text=f"[resource: {printable(told, 1_000)}]")


_READERS: dict[str, Callable[[dict[str, Any]], Text | Image]] = {
    "text": _text,
    "image": _data,
    "audio": _data,
    "resource": _resource,
    "resource_link": _link,
}


def _picture(media_type: str, data: str, where: str = "") -> Text | Image:
    """A picture that every provider takes, or a word that something else was there."""
    try:
        size = len(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return _left_out(f"{printable(media_type, 100)}{where} that is no base64")
    if media_type in _PICTURES and 0 < len(data) <= _LARGEST_PICTURE:
        return Image(source=Base64Source(media_type=media_type, data=data))
    return _left_out(f"{size:,} bytes of {printable(media_type, 100) or 'data'}{where}")


def _left_out(what: str) -> Text:
    return Text(text=f"[left out: {what}]")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
