"""Request bodies as bytes, even when a tool brought home text that is no Unicode."""

from typing import Any

import msgspec

from tianting.plumbing.well_formed import well_formed_json

_encoder = msgspec.json.Encoder()


def encode_body(body: Any) -> bytes:
    """`body`, or a part of one, as JSON.

    Half surrogates, as file names can hold them, become U+FFFD: JSON cannot carry them.
    """
    try:
        return _encoder.encode(body)
    except UnicodeEncodeError:
        return _encoder.encode(well_formed_json(msgspec.to_builtins(body)))
