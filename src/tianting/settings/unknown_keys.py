"""Names the keys of a settings file that nobody knows: a slip in `deny` would otherwise forbid nothing, in silence."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from tianting.sandbox.policy import ResourceLimits
from tianting.sandbox.settings import CredentialSettings, FilesystemSettings, NetworkSettings, SandboxSettings
from tianting.settings.levels import Source
from tianting.settings.other_agents import NOT_USED_YET
from tianting.settings.schema import AttributionSettings, PermissionSettings, Settings

_STRUCTS: dict[tuple[str, ...], type[Struct]] = {
    (): Settings,
    ("permissions",): PermissionSettings,
    ("sandbox",): SandboxSettings,
    ("sandbox", "network"): NetworkSettings,
    ("sandbox", "filesystem"): FilesystemSettings,
    ("sandbox", "credentials"): CredentialSettings,
    ("sandbox", "limits"): ResourceLimits,
    ("attribution",): AttributionSettings,
}
"""Objects with names of ours. Others have names of the user, or refuse unknown ones themselves."""

USED = {path: frozenset(struct.__struct_encode_fields__) for path, struct in _STRUCTS.items()}
KNOWN = {path: names | {key[-1] for key in NOT_USED_YET if key[:-1] == path} for path, names in USED.items()}
"""Names an object may have."""

_FAR = 3
"""Edits between two words beyond which one is no slip of the other."""


def unknown_keys(source: Source, values: Mapping[str, Any]) -> Iterator[str]:
    """A line for each unknown name in the checked `values` of `source`, with its place and the nearest known one."""
    for path, known in KNOWN.items():
        members: Any = values
        for name in path:
            members = members.get(name, {})
        for name in members.keys() - known:
            yield f"{source.place((*path, name))}: {'.'.join((*path, name))} is not a setting{_suggestion(name, known)}"


def nearest(name: str, known: frozenset[str]) -> str | None:
    """The known name that `name` is a slip of, if any is near."""
    distance, other = min((_distance(name.lower(), other.lower()), other) for other in known)
    return other if distance <= min(_FAR, len(name) // 2) else None


def _suggestion(name: str, known: frozenset[str]) -> str:
    meant = nearest(name, known)
    return f"; did you mean {meant}?" if meant else "."


def _distance(one: str, other: str) -> int:
    """Letters to add, take away or change, to make `other` of `one`."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, counterpart in enumerate(other, 1):
            change = previous + (letter != counterpart)
            previous, row[j] = row[j], min(change, row[j] + 1, row[j - 1] + 1)
    return row[-1]
