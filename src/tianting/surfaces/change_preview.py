"""What a call would do, shown before it is allowed: the command in full, or the change as removed and added lines.

Built from the call's arguments alone, so it is the same whether or not the file is still what the model believes.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from tianting.protocol.tool_calls import ToolCall
from tianting.surfaces.escaping import visible

MOST_LINES = 60
"""Lines of a change that are shown; the rest is counted. A command is never shortened: its end may be the harm."""
_CONTEXT = 2


class PreviewLine(Struct, frozen=True, kw_only=True):
    """One line, already safe for a terminal."""

    kind: Literal["plain", "added", "removed"]
    text: str


def preview(call: ToolCall) -> tuple[PreviewLine, ...]:
    """The lines a person should read before saying yes to `call`."""
    arguments = call.arguments
    match call.tool_name:
        case "Bash":
            return _plain(str(arguments.get("command", "")))
        case "Write":
            return _shortened(_marked("added", str(arguments.get("content", "")).splitlines()))
        case "Edit":
            return _shortened(_replacement(arguments))
        case "MultiEdit":
            return _shortened(_replacements(arguments.get("edits")))
        case "apply_patch":
            return _shortened(tuple(_patch_line(line) for line in str(arguments.get("input", "")).splitlines()))
        case _:
            return _plain("\n".join(f"{name}: {_value(value)}" for name, value in arguments.items()))


def _replacements(edits: Any) -> tuple[PreviewLine, ...]:
    steps = [edit for edit in edits if isinstance(edit, dict)] if isinstance(edits, list) else []
    return tuple(line for step in steps for line in _replacement(step))


def _replacement(arguments: dict[str, Any]) -> tuple[PreviewLine, ...]:
    """Old and new without the lines they begin and end with alike, save two for orientation."""
    old = str(arguments.get("old_string", "")).splitlines()
    new = str(arguments.get("new_string", "")).splitlines()
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    end = len(old) - tail
    return (
        *_marked("plain", old[max(0, head - _CONTEXT) : head]),
        *_marked("removed", old[head:end]),
        *_marked("added", new[head : len(new) - tail]),
        *_marked("plain", old[end : end + _CONTEXT]),
    )


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    pairs = zip(one, other, strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _patch_line(line: str) -> PreviewLine:
    kind: Literal["plain", "added", "removed"] = (
        "added" if line.startswith("+") else "removed" if line.startswith("-") else "plain"
    )
    return PreviewLine(kind=kind, text=visible(line))


_SIGNS = {"plain": "  ", "added": "+ ", "removed": "- "}


def _marked(kind: Literal["plain", "added", "removed"], lines: list[str]) -> tuple[PreviewLine, ...]:
    return tuple(PreviewLine(kind=kind, text=_SIGNS[kind] + visible(line)) for line in lines)


def _plain(text: str) -> tuple[PreviewLine, ...]:
    return tuple(PreviewLine(kind="plain", text=line) for line in visible(text).split("\n"))


def _shortened(lines: tuple[PreviewLine, ...]) -> tuple[PreviewLine, ...]:
    more = len(lines) - MOST_LINES
    if more <= 0:
        return lines
    return (*lines[:MOST_LINES], PreviewLine(kind="plain", text=f"… {more} more lines"))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
