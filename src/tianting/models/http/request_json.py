"""Request bodies as bytes, even when a tool brought home text that is no Unicode."""

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


def encode_body(body: Any) -> bytes:
    """`body`, or a part of one, as JSON.

    Half surrogates, as file names can hold them, become U+FFFD: JSON cannot carry them.
    """
    try:
        return _encoder.encode(body)
    except UnicodeEncodeError:
        return _encoder.encode(_without_surrogates(msgspec.to_builtins(body)))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
