"""Text as the model sees it, bytes as the disk holds them: what an edit does not name comes back unchanged.

    bytes -> decoded -> text + form -> (an edit) -> text + form -> encoded -> bytes

Line ends stay in the text as they are. Nothing is written here; see `file_changes`.
"""

import os
import stat
from pathlib import Path

from msgspec import Struct

from tianting.tools.contract import ToolFailed
from tianting.tools.permitted_places import opened

MAX_BYTES = 20_000_000
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_UTF_32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")


class TextForm(Struct, frozen=True, kw_only=True):
    """How a text lies on the disk: its byte order mark, its codec, and what that does with stray bytes."""

    mark: bytes = b""
    codec: str = "utf-8"
    errors: str = "strict"


class StoredText(Struct, frozen=True, kw_only=True):
    """A text as it was found on the disk. `mode` holds the permission bits."""

    text: str
    form: TextForm
    mode: int


def read_text_file(path: Path, shown: str) -> StoredText:
    """Read `path`, called `shown` in errors.

    Raises `ToolFailed` for what is too large, no text, or in another place than was permitted, and
    `FileNotFoundError`, which is often the caller's good news. Only regular files are opened: a device may do things.
    """
    try:
        _refuse_unfit(path.stat(), shown)
        with opened(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
            facts = os.fstat(descriptor)
            _refuse_unfit(facts, shown)
            text, form = decoded(file.read(), shown)
        return StoredText(text=text, form=form, mode=stat.S_IMODE(facts.st_mode))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ToolFailed(f"Cannot read {shown}: {error.strerror}. The user must change that.") from error


def _refuse_unfit(facts: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise ToolFailed(f"{shown} is a directory; name a file in it.")
    if not stat.S_ISREG(facts.st_mode):
        raise ToolFailed(f"{shown} is no regular file but a device, pipe or socket; use Bash.")
    if facts.st_size > MAX_BYTES:
        size, limit = facts.st_size // 1_000_000, MAX_BYTES // 1_000_000
        raise ToolFailed(f"{shown} has {size} MB, the limit is {limit} MB; change it with Bash, for example sed -i.")


def decoded(data: bytes, shown: str) -> tuple[str, TextForm]:
    """Read bytes as text: by mark, else UTF-8, else Latin-1. Raises `ToolFailed` for anything binary.

    A file that is UTF-8 but for a few stray bytes keeps them as lone surrogates (see `stray_bytes`).
    """
    form = _form(data)
    body = data[len(form.mark) :]
    if data.startswith(_UTF_32) or (b"\0" in body and not form.codec.startswith("utf-16")):
        raise ToolFailed(_binary(shown))
    try:
        return body.decode(form.codec, form.errors), form
    except UnicodeDecodeError:
        raise ToolFailed(_binary(shown)) from None


def _form(data: bytes) -> TextForm:
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return TextForm(mark=mark, codec=codec)
    try:
        data.decode()
    except UnicodeDecodeError:
        return _stray_form(data)
    return TextForm()


def _stray_form(data: bytes) -> TextForm:
    """Valid sequences of several bytes hardly occur in Latin-1 by chance: one is enough to call it UTF-8."""
    valid = data.decode("utf-8", "ignore")
    return TextForm(codec="latin-1") if valid.isascii() else TextForm(errors="surrogateescape")


def _binary(shown: str) -> str:
    return f"{shown} is binary; change it with Bash, with a script or the tool of its format."


def encoded(text: str, form: TextForm, shown: str) -> bytes:
    """Turn `text` back into bytes. Raises `ToolFailed` for characters its encoding does not have."""
    try:
        return form.mark + text.encode(form.codec, form.errors)
    except UnicodeEncodeError as error:
        character = text[error.start]
        if 0xD800 <= ord(character) <= 0xDFFF:
            raise ToolFailed(f"U+{ord(character):04X} is half a character; send the whole one.") from None
        code = f"{character!r} (U+{ord(character):04X})"
        raise ToolFailed(
            f"{shown} is {form.codec} and cannot hold {code}. Use another character, "
            f"or convert the file to UTF-8 first with iconv in Bash."
        ) from None
