"""Bytes that are no UTF-8 in a file that otherwise is: lone surrogates inside, Latin-1 before the model.

Neither JSON nor a terminal can hold a lone surrogate, so what leaves the editing tools passes through here.
"""

STRAY_BYTES = {0xDC00 + byte: chr(byte) for byte in range(0x80, 0x100)}
"""What the lone surrogates of Python's `surrogateescape` (PEP 383) stand for; a table for `str.translate`."""


def presentable(text: str) -> str:
    """`text` for eyes and JSON: stray bytes as Read shows them."""
    return text if text.isascii() else text.translate(STRAY_BYTES)
