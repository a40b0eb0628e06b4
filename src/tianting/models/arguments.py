"""The argument text of a call, read once for every dialect, whatever its server made of it."""

from typing import Any

import msgspec

_MAX_ENCODINGS = 3


def read_arguments(text: str) -> tuple[dict[str, Any], str]:
    """The arguments as an object, and the text that was none (then the object is empty).

    Nothing at all and `null` mean no arguments. Text that was encoded twice is decoded twice.
    """
    value: Any = text
    for _ in range(_MAX_ENCODINGS):
        if isinstance(value, str):
            value = _decoded(value)
    if isinstance(value, dict):
        return value, ""
    return ({}, "") if value is None else ({}, text)


def is_complete(text: str) -> bool:
    """Whether `text` is whole: false for a call that was cut off while it was written."""
    return not read_arguments(text)[1]


def write_arguments(arguments: dict[str, Any], original: str) -> str:
    """The text to send back: `original` where it still says the same, since caches compare bytes."""
    if original and read_arguments(original) == (arguments, ""):
        return original
    return msgspec.json.encode(arguments).decode()


def original_if_different(arguments: dict[str, Any], text: str) -> str:
    """`text`, unless writing `arguments` anew gives it anyway: what is worth keeping in `opaque`."""
    return "" if msgspec.json.encode(arguments).decode() == text else text


def _decoded(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False  # neither an object nor nothing
