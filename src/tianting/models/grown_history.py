"""Whether a conversation has only grown since its last request: then what was written for that one still holds."""

from collections.abc import Sequence
from operator import is_

from tianting.protocol.messages import Message


def has_grown_from(history: Sequence[Message], former: Sequence[Message]) -> bool:
    """Whether `history` begins with the very messages of `former`. Equal ones are not recognised: that costs time."""
    return len(former) <= len(history) and all(map(is_, former, history))
