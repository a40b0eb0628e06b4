"""What a file is, told by its first bytes: without this, Read would print an executable, or a picture as text."""

from typing import Literal

from msgspec import Struct

HEAD_BYTES = 8_192
"""How much of a file is looked at. The same stretch in which git looks for a NUL."""


class FileKind(Struct, frozen=True, kw_only=True):
    """How Read treats a file."""

    form: Literal["text", "image", "pdf", "binary"]
    name: str = ""
    """What a person calls it, for binaries."""
    media_type: str = ""
    """For images."""
    codec: str = "utf-8"
    """For text."""
    look: str = "od -c {} | head"
    """The shell command that looks inside a binary; `{}` is its quoted path."""


_TEXT = FileKind(form="text")
_UNKNOWN = FileKind(form="binary", name="unknown format")


def _image(subtype: str) -> FileKind:
    return FileKind(form="image", media_type=f"image/{subtype}")


def _binary(name: str, look: str = _UNKNOWN.look) -> FileKind:
    return FileKind(form="binary", name=name, look=look)


_KINDS: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", _image("png")),
    (0, b"\xff\xd8\xff", _image("jpeg")),
    (0, b"GIF87a", _image("gif")),
    (0, b"GIF89a", _image("gif")),
    (0, b"%PDF-", FileKind(form="pdf")),
    (0, b"\x7fELF", _binary("ELF executable")),
    (0, b"MZ", _binary("Windows executable")),
    (0, b"\xcf\xfa\xed\xfe", _binary("Mach-O executable")),
    (0, b"\xca\xfe\xba\xbe", _binary("Java class or Mach-O executable")),
    (0, b"\x00asm", _binary("WebAssembly")),
    (0, b"SQLite format 3\x00", _binary("SQLite database", "sqlite3 {} .schema")),
    (0, b"PK\x03\x04", _binary("ZIP archive", "python3 -m zipfile -l {}")),
    (0, b"PK\x05\x06", _binary("ZIP archive", "python3 -m zipfile -l {}")),
    (257, b"ustar", _binary("tar archive", "tar -tvf {}")),
    (0, b"\x1f\x8b", _binary("gzip", "gzip -dc {} | head -c 2000")),
    (0, b"BZh", _binary("bzip2", "bzip2 -dc {} | head -c 2000")),
    (0, b"\xfd7zXZ\x00", _binary("xz", "xz -dc {} | head -c 2000")),
    (0, b"\x28\xb5\x2f\xfd", _binary("zstd", "zstd -dc {} | head -c 2000")),
    (0, b"7z\xbc\xaf\x27\x1c", _binary("7-Zip archive")),
    (0, b"ID3", _binary("MP3 sound")),
    (0, b"OggS", _binary("Ogg sound")),
    (0, b"fLaC", _binary("FLAC sound")),
    (4, b"ftyp", _binary("MP4 video or picture")),
    (0, b"wOFF", _binary("font")),
    (0, b"wOF2", _binary("font")),
    (0, b"\x00\x01\x00\x00", _binary("font")),
    (0, b"BM", _binary("BMP picture")),
    (0, b"II*\x00", _binary("TIFF picture")),
    (0, b"MM\x00*", _binary("TIFF picture")),
    (0, b"\x00\x00\x01\x00", _binary("icon")),
    (0, b"\xff\xfe\0\0", _binary("UTF-32 text", "iconv -f UTF-32 -t UTF-8 {}")),
    (0, b"\xff\xfe", FileKind(form="text", codec="utf-16")),
    (0, b"\xfe\xff", FileKind(form="text", codec="utf-16")),
)


def kind_of(head: bytes) -> FileKind:
    """Judge a file by its first `HEAD_BYTES` bytes.

    A signature of two letters also opens ordinary prose ("BM", "MZ"), so a binary has to show a NUL as well.
    """
    found = _image("webp") if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else _by_signature(head)
    if found and (found.form != "binary" or b"\0" in head or not head[:4].isascii()):
        return found
    return _UNKNOWN if b"\0" in head else _TEXT


def _by_signature(head: bytes) -> FileKind | None:
    return next((kind for start, magic, kind in _KINDS if head.startswith(magic, start)), None)
