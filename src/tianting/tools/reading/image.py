"""Pictures for the model: the bytes themselves, where a provider will take them."""

from binascii import b2a_base64

from msgspec import Struct

from tianting.plumbing.byte_size import in_words
from tianting.protocol.content import Base64Source, Image
from tianting.protocol.tool_calls import ToolOutput
from tianting.tools.contract import ToolFailed
from tianting.tools.reading.opened_file import OpenedFile
from tianting.tools.reading.shown_file import ShownFile

MAX_IMAGE_BYTES = 5 * 1024 * 1024 * 3 // 4
"""Of the file: what becomes 5 MiB of base64, the most that every provider's API accepts in one image."""


class ImageFile(Struct, frozen=True, kw_only=True, rename="camel"):
    """The picture that was shown."""

    base64: str
    type: str
    """Its media type."""
    original_size: int
    """Bytes of the file."""


class ImageReadOutput(Struct, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """Read's `tool_use_result` for a picture."""

    file: ImageFile


def read_image(file: OpenedFile, media_type: str) -> ShownFile:
    """Read the picture in `file`. Raises `OSError`, `ToolFailed` when too big."""
    size = file.facts.st_size
    if size > MAX_IMAGE_BYTES:
        raise ToolFailed(
            f"{file.name} has {in_words(size)}; a picture may have {in_words(MAX_IMAGE_BYTES)}. "
            "Make a smaller copy with Bash (ImageMagick's convert, ffmpeg, or Python's Pillow) and Read that."
        )
    data = b2a_base64(file.rewound().read(MAX_IMAGE_BYTES), newline=False).decode("ascii")
    shown = Image(source=Base64Source(media_type=media_type, data=data))
    facts = ImageReadOutput(file=ImageFile(base64=data, type=media_type, original_size=size))
    return ShownFile(output=ToolOutput(content=(shown,), data=facts), whole=True)
