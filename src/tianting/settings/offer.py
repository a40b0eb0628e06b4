"""Says in words what would begin to count if a person trusted it, so that they know what they agree to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tianting.plumbing.printable import printable
from tianting.settings.statements import Statement

_KINDS = {"hooks": "hook", "mcpServers": "MCP server", "env": "variable"}
_LONGEST = 300


def summary(statements: Iterable[Statement]) -> str:
    """How much of what: `2 hooks, 1 allow rule`. Empty for nothing."""
    counts = Counter(_kind(statement) for statement in statements)
    return ", ".join(f"{count} {kind if count == 1 else _plural(kind)}" for kind, count in counts.items())


def described(statement: Statement) -> tuple[str, ...]:
    """What `statement` would do, a line for each program it starts. Safe to show, whatever it holds."""
    return tuple(printable(line, _LONGEST) for line in _lines(statement))


def _kind(statement: Statement) -> str:
    match statement.key:
        case ("permissions", "allow"):
            return "allow rule"
        case ("permissions", "additionalDirectories"):
            return "directory"
        case key:
            return _KINDS.get(key[0], "setting")


def _plural(kind: str) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


def _lines(statement: Statement) -> Iterator[str]:
    match statement.key:
        case ("hooks", event):
            yield from _hook_lines(event, statement.value)
        case ("mcpServers", name):
            yield f"MCP server {name}: {_program(statement.value)}"
        case ("permissions", "allow"):
            yield f"allow {statement.value}"
        case ("permissions", "additionalDirectories"):
            yield f"count {statement.value} as inside"
        case ("env", name):
            yield f"set {name}={statement.value}"
        case key:
            yield f"set {'.'.join(key)} to {_json(statement.value)}"


def _hook_lines(event: str, group: Any) -> Iterator[str]:
    """A hook is run by its command, its address or its prompt; what has another form is shown as it is."""
    hooks = group.get("hooks") if isinstance(group, dict) else None
    if not isinstance(hooks, list) or not hooks:
        yield f"at {event}: {_json(group)}"
        return
    matcher = group.get("matcher") or "*"
    for hook in hooks:
        yield f"at {event} ({matcher}): {_program(hook)}"


def _program(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("command"), str):
        return " ".join([value["command"], *map(str, value.get("args") or ())])
    return _json(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
