"""What a provider's prompt cache would have saved, by the rules of Anthropic's (its documentation, "Prompt caching").

Tools, system and messages are one row of blocks. A request writes an entry at each breakpoint, and reads the longest
entry that ends at one of its breakpoints or at most 20 blocks before it.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

_LOOK_BACK = 20  # blocks


class Served(Struct, frozen=True, kw_only=True):
    """What became of one request, in bytes."""

    size: int
    read: int
    """Paid at a tenth."""
    kept: int
    """What the next request can read of this one."""


class PromptCache:
    """An account's, which forgets nothing."""

    def __init__(self) -> None:
        self._entries: set[tuple[bytes, ...]] = set()

    def serve(self, body: dict[str, Any]) -> Served:
        """Take one request."""
        blocks = list(blocks_of(body))
        row = [msgspec.json.encode(unmarked(block)) for block in blocks]
        ends = [number for number, block in enumerate(blocks, start=1) if "cache_control" in block]
        looked_at = {size for end in ends for size in range(max(end - _LOOK_BACK, 0), end + 1)}
        found = max((size for size in looked_at if tuple(row[:size]) in self._entries), default=0)
        self._entries |= {tuple(row[:end]) for end in ends}
        return Served(size=_size(row), read=_size(row[:found]), kept=_size(row[: ends[-1]]))


def _size(row: list[bytes]) -> int:
    return sum(map(len, row))


def blocks_of(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All of a request that is cached, in the order of the cache. Where a block stands is part of it."""
    yield from body["tools"]
    yield from body["system"]
    for number, message in enumerate(body["messages"]):
        for block in message["content"]:
            yield {"message": number, "role": message["role"], **block}


def unmarked(block: dict[str, Any]) -> dict[str, Any]:
    """Without its breakpoint, which is no part of what is cached."""
    return {name: value for name, value in block.items() if name != "cache_control"}
