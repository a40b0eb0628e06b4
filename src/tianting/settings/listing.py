"""Everything the settings files say, and what became of it, for `config list`, `config get` and `config where`."""

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from tianting.settings.loading import Loaded
from tianting.settings.statements import Statement, put_together
from tianting.settings.unknown_keys import KNOWN, USED

State = Literal["in force", "overridden", "waits for trust", "cannot be set here", "not used yet", "unknown"]


class Entry(Struct, frozen=True, kw_only=True):
    """One statement and its fate."""

    statement: Statement
    state: State


def entries(loaded: Loaded, key: tuple[str, ...] = ()) -> tuple[Entry, ...]:
    """All statements about `key` and what lies below it: those that count highest first, then those that do not."""
    everything = (*_counting(loaded), *_not_counting(loaded))
    return tuple(entry for entry in everything if entry.statement.key[: len(key)] == key)


def value_of(loaded: Loaded, key: tuple[str, ...]) -> Any:
    """What is in force at `key`, in the form of the files; None where nobody said anything."""
    node: Any = put_together(loaded.statements)
    for name in key:
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _counting(loaded: Loaded) -> Iterator[Entry]:
    seen: set[tuple[str, ...]] = set()
    for statement in loaded.statements:
        overridden = statement.index is None and statement.key in seen
        seen.add(statement.key)
        yield Entry(statement=statement, state="overridden" if overridden else _use(statement.key))


def _not_counting(loaded: Loaded) -> Iterator[Entry]:
    for statement in loaded.waiting:
        yield Entry(statement=statement, state="waits for trust")
    for statement in loaded.refused:
        yield Entry(statement=statement, state="cannot be set here")


def _use(key: tuple[str, ...]) -> State:
    """Whether anything reads `key`, judged by the innermost object whose names are ours."""
    for size in range(len(key)):
        names = USED.get(key[:size])
        if names is not None and key[size] not in names:
            return "not used yet" if key[size] in KNOWN[key[:size]] else "unknown"
    return "in force"
