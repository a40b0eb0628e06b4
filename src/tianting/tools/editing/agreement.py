"""How much of two versions is the same at both ends: only what lies between has to be written or compared."""

from collections.abc import Sequence


def agreement(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """How many items agree at the heads, and at the tails of what is left."""
    shorter = min(len(one), len(other))
    head = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    shorter -= head
    tail = next((at for at in range(shorter) if one[-1 - at] != other[-1 - at]), shorter)
    return head, tail
