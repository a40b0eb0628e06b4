"""Makes a tool's result one that can be stored and sent: file names and outputs may hold bytes that are no UTF-8.

Here and not at every tool, because one that forgets it would end the session at its transcript.
"""

import msgspec

from tianting.plumbing.well_formed import well_formed_json
from tianting.protocol.tool_calls import CallResult

_encode = msgspec.json.Encoder().encode


def encodable(result: CallResult) -> CallResult:
    """`result`, with a sign in place of what JSON cannot carry. Its `data` is then plain values."""
    try:
        _encode(result)
    except UnicodeEncodeError:
        return msgspec.convert(well_formed_json(msgspec.to_builtins(result)), CallResult)
    return result
