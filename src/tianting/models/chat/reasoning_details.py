"""Puts `reasoning_details` together again: the provider wants to see the entries that its pieces came from.

Source: OpenRouter, "Reasoning tokens". Neighbouring pieces of one entry have its type and index.
"""

from collections.abc import Sequence
from typing import Any

Detail = dict[str, Any]

_JOINED = ("text", "summary")


def join_details(pieces: Sequence[Detail]) -> list[Detail]:
    """The entries that `pieces`, in the order of their arrival, are parts of."""
    groups: list[list[Detail]] = []
    for piece in pieces:
        if groups and _continues(groups[-1], piece):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [_joined(group) for group in groups]


def _continues(group: list[Detail], piece: Detail) -> bool:
    first = group[0]
    same_kind = (first.get("type"), first.get("index")) == (piece.get("type"), piece.get("index"))
    other_id = piece.get("id") is not None and first.get("id") not in (None, piece["id"])
    return same_kind and not other_id and piece.get("type") != "reasoning.encrypted"


def _joined(group: list[Detail]) -> Detail:
    """What is said last counts, texts are joined."""
    if len(group) == 1:
        return group[0]
    entry = group[0] | {key: value for piece in group[1:] for key, value in piece.items() if value is not None}
    return entry | {key: _text(group, key) for key in _JOINED if key in entry}


def _text(group: list[Detail], key: str) -> str:
    return "".join(text for piece in group if isinstance(text := piece.get(key), str))
