"""A settings file taken apart into the single things it says, each with its source.

Everything that is asked about settings is asked of these: which one wins, which ones a project may make, where one
stands. `put_together` is the way back.

    {"env": {"A": "1"}, "permissions": {"deny": ["Read(.env)", "WebFetch"]}}
      -> env.A = "1"    permissions.deny ∋ "Read(.env)"    permissions.deny ∋ "WebFetch"
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tianting.settings.levels import Source

_OBJECTS = frozenset(
    {"permissions", "sandbox", "env", "hooks", "providers", "models", "checkpoints", "attribution", "mcpServers"}
)
"""Members that are merged by name, and so are the objects in them."""
_SERVERS = "mcpServers"
_RIPGREP = ("sandbox", "ripgrep")
_JOINED = frozenset({"permissions", "sandbox", "hooks", "enabledMcpjsonServers", "disabledMcpjsonServers"})
"""Members whose lists are joined."""


class Statement(Struct, frozen=True, kw_only=True):
    """One thing that one source says."""

    source: Source
    key: tuple[str, ...]
    value: Any
    index: int | None = None
    """Its number in a list that is joined with those of other levels; None for a value that stands alone."""

    @property
    def place(self) -> str:
        """Where it stands: `file:line:column`. Scans the text: for people, not for the way to the first request."""
        return self.source.place(self.key if self.index is None else (*self.key, self.index))


def take_apart(source: Source, values: Mapping[str, Any]) -> Iterator[Statement]:
    """Everything that `values`, the decoded text of `source`, says, in its order."""
    for name, value in values.items():
        yield from _of_member(source, (name,), value)


def _of_member(source: Source, key: tuple[str, ...], value: Any) -> Iterator[Statement]:
    if isinstance(value, dict) and value and _is_merged(key):
        for name, inner in value.items():
            yield from _of_member(source, (*key, name), inner)
    elif isinstance(value, list) and key[0] in _JOINED:
        for index, item in enumerate(value):
            yield Statement(source=source, key=key, value=item, index=index)
    else:
        yield Statement(source=source, key=key, value=value)


def _is_merged(key: tuple[str, ...]) -> bool:
    # What describes a program to run is taken whole: half of one and half of another would be a third.
    return key[0] in _OBJECTS and key != _RIPGREP and not (key[0] == _SERVERS and len(key) > 1)


def put_together(statements: Iterable[Statement]) -> dict[str, Any]:
    """What `statements` say together. Of two about one key the earlier wins; lists are joined, without repetition."""
    result: dict[str, Any] = {}
    for statement in statements:
        members = _members(result, statement.key[:-1])
        if members is not None:
            _add(members, statement)
    return result


def _members(result: dict[str, Any], outer: tuple[str, ...]) -> dict[str, Any] | None:
    """The object at `outer`; None where an earlier statement put something else, as may be with keys we do not know."""
    members = result
    for name in outer:
        inner = members.setdefault(name, {})
        if not isinstance(inner, dict):
            return None
        members = inner
    return members


def _add(members: dict[str, Any], statement: Statement) -> None:
    name, value = statement.key[-1], statement.value
    if statement.index is None:
        # An empty object may still be filled, and must not fill the one that was read.
        members.setdefault(name, {} if value == {} else value)
        return
    items = members.setdefault(name, [])
    if isinstance(items, list) and value not in items:
        items.append(value)


def canonical(statement: Statement) -> str:
    """What is said, whoever says it, in one form: equal for equal statements, also of two files."""
    return msgspec.json.encode([list(statement.key), statement.value], order="sorted").decode()
