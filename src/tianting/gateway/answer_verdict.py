"""What the status of an answer says of the key that got it: pass it on, or try another key first.

Pure, and for good answers the shortest way through.
"""

from typing import Literal

Verdict = Literal["good", "rejected", "limited", "failed", "key_refused"]
"""`rejected`: the request is wrong, whichever key carries it."""

_LIMITED = frozenset({429, 529})
_KEY = frozenset({401, 402, 403})
_FAILED = frozenset({408, 500, 502, 503, 504, 520, 521, 522, 523, 524})


def judge(status: int) -> Verdict:
    """What `status` says."""
    if status < 400:
        return "good"
    if status in _LIMITED:
        return "limited"
    if status in _KEY:
        return "key_refused"
    return "failed" if status in _FAILED else "rejected"
